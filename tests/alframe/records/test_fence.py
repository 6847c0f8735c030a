import errno
import threading

import pytest

from alframe import TrialError
from alframe.experiments.executors.executor import is_in_use
from alframe.records import fence as fences
from alframe.records.fence import Fence, generation_file


@pytest.fixture
def trial(tmp_path):
    trial = tmp_path / "seed-1"
    trial.mkdir()
    return trial


def write(text):
    return lambda file: file.write(text.encode())


def test_whoever_took_it_last_writes(trial):
    first = Fence.raised(trial)
    first.replace(trial / "x", write("first"))
    second = Fence.raised(trial)
    with pytest.raises(TrialError, match=r"seed-1: another process took this trial over \(process \d+ on "):
        first.replace(trial / "x", write("late"))
    assert (trial / "x").read_text() == "first"
    second.replace(trial / "x", write("second"))
    assert (trial / "x").read_text() == "second"
    assert generation_file(trial).read_text().startswith("2 ")
    assert [path.name for path in trial.iterdir()] == ["x"]


def test_it_is_another_process_s_trial_and_no_failure(trial):
    first = Fence.raised(trial)
    Fence.raised(trial)
    with pytest.raises(TrialError) as caught:
        first.check()
    assert is_in_use(caught.value)


def test_what_was_about_to_be_moved_is_not_when_another_has_taken_the_trial(trial, monkeypatch):
    first = Fence.raised(trial)
    check = Fence.check
    taken = []

    def checked(self):
        check(self)
        if not taken:  # after the check, before the move
            taken.append(Fence.raised(trial))

    monkeypatch.setattr(Fence, "check", checked)
    with pytest.raises(TrialError, match="another process took this trial over"):
        first.replace(trial / "x", write("late"))
    assert list(trial.iterdir()) == []
    taken[0].replace(trial / "x", write("new"))


def test_of_many_that_take_it_at_once_one_writes(trial):
    for _ in range(30):
        start, raised = threading.Barrier(4), []

        def take(start=start, raised=raised):
            start.wait()
            raised.append(Fence.raised(trial))

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrote = []
        for number, one in enumerate(raised):
            try:
                one.replace(trial / "x", write(str(number)))
                wrote.append(number)
            except TrialError:
                pass
        assert len(wrote) == 1
        assert (trial / "x").read_text() == str(wrote[0])


def test_a_full_disk_is_told_of_when_something_is_to_be_written(trial, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fences, "replace", full)
        fence = Fence.raised(trial)
        with pytest.raises(OSError, match="No space left"):
            fence.replace(trial / "x", write("x"))
    fence.replace(trial / "x", write("x"))  # there is room again
    assert (trial / "x").read_text() == "x"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x y z", b"9" * 5000])
def test_a_damaged_file_is_written_anew(trial, content):
    generation_file(trial).write_bytes(content)
    Fence.raised(trial).check()


def test_one_that_is_gone_ends_the_trial(trial):
    fence = Fence.raised(trial)
    generation_file(trial).unlink()
    with pytest.raises(TrialError, match="was moved or removed"):
        fence.check()
    generation_file(trial).mkdir()
    with pytest.raises(TrialError, match="can't be read"):
        fence.check()
