import errno
import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest

from alframe.errors import UsageError
from alframe.labelling.events import NotAnEventError, encode, made
from alframe.labelling.journal import Journal, JournalError, JournalFullError

LABEL = {"event": "label", "by": "ada", "sample": "ä/1.jpg", "label": "cat", "at": "2026-11-27T10:12:03Z"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl"


@pytest.fixture(autouse=True)
def all_closed(monkeypatch):
    """Closes every journal at the end of a test."""
    opened, original = [], Journal.__init__

    def opening(self, *args, **how):
        original(self, *args, **how)
        opened.append(self)

    monkeypatch.setattr(Journal, "__init__", opening)
    yield
    for journal in opened:
        journal.close()


def numbers(path):
    return [event.n for event in Journal(path, read_only=True).events]


def test_what_was_appended_is_there_again(path):
    journal = Journal(path)
    events = [journal.append(LABEL | {"label": name}) for name in ("cat", "dog", "cat")]
    assert [event.n for event in events] == [1, 2, 3]
    again = Journal(path)
    assert again.events == events
    assert again.notes == []
    assert again.append(LABEL).n == 4


def test_it_is_on_disk_when_append_returns(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(path.read_bytes() if path.exists() else None))
    Journal(path).append(LABEL)
    assert synced[-1].count(b"\n") == 1


@pytest.mark.parametrize("then", ["read", "append"])
def test_cut_at_any_byte_it_has_the_events_of_its_whole_lines(path, then, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # it is slow
    lines = [encode(made(n, LABEL | {"sample": f"é{n}"})) for n in (1, 2, 3)]
    whole = b"".join(lines)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        wanted = [1, 2, 3][: whole[:cut].count(b"\n")]
        if whole[cut : cut + 1] == b"\n":  # the event is whole, its end of line is not
            wanted.append(len(wanted) + 1)
        assert numbers(path) == wanted
        assert path.read_bytes() == whole[:cut]
        journal = Journal(path)
        assert [event.n for event in journal.events] == wanted
        assert bool(journal.notes) == (b"".join(lines[: len(wanted)])[:cut] != whole[:cut])
        if then == "append":
            journal.append(LABEL)
            wanted.append(len(wanted) + 1)
        journal.close()
        assert numbers(path) == wanted
        assert path.read_bytes().count(b"\n") == len(wanted)


def test_lines_that_are_no_events_are_named_and_stay(path):
    good = [encode(made(n, LABEL)) for n in (1, 2, 5)]
    content = good[0] + b"oops\n\n" + good[1] + good[1] + b"\0\0\0\n" + good[2]
    path.write_bytes(content)
    journal = Journal(path)
    assert [event.n for event in journal.events] == [1, 2, 5]
    for line, why in ((2, "invalid"), (5, "its number 2 is that of an earlier line"), (6, "invalid")):
        assert any(f"line {line} is left out: " in note and why in note for note in journal.notes)
    assert journal.append(LABEL).n == 6
    assert path.read_bytes().startswith(content)


def test_many_bad_lines_are_counted(path):
    path.write_bytes(b"x\n" * 100)
    notes = Journal(path).notes
    assert len(notes) == 6
    assert notes[-1].endswith("95 more lines are left out")


def test_events_are_in_the_order_of_their_numbers(path):
    path.write_bytes(b"".join(encode(made(n, LABEL)) for n in (3, 1, 2)))
    assert numbers(path) == [1, 2, 3]


class Full:
    """A file with room for so many bytes more."""

    def __init__(self, file, room, error=errno.ENOSPC):
        self.file, self.room, self.error = file, room, error

    def write(self, content):
        if not self.room:
            raise OSError(self.error, os.strerror(self.error))
        written = self.file.write(content[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1, 50, 90])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_full_disk_leaves_the_file_as_it_was(path, room, batch):
    journal = Journal(path)
    journal.append(LABEL)
    before, file = path.read_bytes(), journal._file
    journal._file = Full(file, room)
    message = "can't be written to: No space left on device; what was written before stays"
    with pytest.raises(JournalFullError, match=message):
        journal.extend([LABEL] * batch)
    assert path.read_bytes() == before
    assert len(journal.events) == 1
    journal._file = file
    assert journal.append(LABEL).n == 2
    assert numbers(path) == [1, 2]


def test_another_error_of_the_disk_is_not_called_full(path):
    journal = Journal(path)
    journal.append(LABEL)
    journal._file = Full(journal._file, 3, errno.EIO)
    with pytest.raises(JournalError, match="Input/output error") as caught:
        journal.append(LABEL)
    assert not isinstance(caught.value, JournalFullError)


def test_an_event_that_was_not_synced_is_not_there(path, monkeypatch):
    journal = Journal(path)
    journal.append(LABEL)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(JournalFullError):
            journal.append(LABEL)
    assert numbers(path) == [1]


def test_what_could_not_be_cut_off_is_before_the_next_event(path, monkeypatch):
    journal = Journal(path)
    journal.append(LABEL)
    file = journal._file
    journal._file = Full(file, 20)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *a: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
        with pytest.raises(JournalFullError):
            journal.append(LABEL)
    assert not path.read_bytes().endswith(b"\n")
    journal._file = file
    assert journal.append(LABEL).n == 2
    assert numbers(path) == [1, 2]
    assert Journal(path).notes == []


def test_a_file_that_may_not_grow(path):
    """The system's own limit, in a process of its own."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        from alframe.labelling.journal import Journal, JournalFullError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        while True:
            try:
                journal.append({"event": "skip", "by": "ada", "sample": "1"})
            except JournalFullError as error:
                print(len(journal.events), error)
                break
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    count, _, message = done.stdout.partition(" ")
    assert "File too large" in message
    assert path.stat().st_size <= 1000
    assert numbers(path) == list(range(1, int(count) + 1))
    assert Journal(path).notes == []


@pytest.mark.parametrize("change", ["replaced", "removed", "appended"])
def test_another_programs_change_is_not_written_over(path, change):
    journal = Journal(path)
    journal.append(LABEL)
    content = path.read_bytes()
    if change == "appended":
        with path.open("ab") as file:
            file.write(encode(made(2, LABEL)))
    else:
        path.unlink()
    if change == "replaced":
        path.write_bytes(content)
    with pytest.raises(JournalError, match="changed by another program"):
        journal.append(LABEL)
    assert len(journal.events) == 1


def test_a_wrong_field_writes_nothing(path):
    journal = Journal(path)
    with pytest.raises(NotAnEventError):
        journal.extend([LABEL, LABEL | {"model": "x"}])
    assert not path.exists()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_said_and_not_waited_for(path, kind):
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(UsageError, match="can't be read"):
        Journal(path)


WRITER = """
    import sys
    from pathlib import Path
    from alframe.labelling.journal import Journal
    journal = Journal(Path(sys.argv[1]))
    while True:
        event = journal.append({"event": "label", "by": "ada", "sample": "s" * 300, "label": "cat"})
        print(event.n, flush=True)
"""


def kill_one(path, seconds):
    """Starts a writer, kills it after a while; the numbers that it acknowledged."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        said = [writer.stdout.readline()]
        try:
            writer.wait(seconds)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    return [int(line) for line in said if line.endswith("\n")]


def check_kills(path, kills):
    acknowledged, chance = [], random.Random(0)
    for _ in range(kills):
        acknowledged += kill_one(path, chance.random() / 10)
        found = [event.n for event in Journal(path).events]
        assert found == list(range(1, len(found) + 1))
        assert set(acknowledged) <= set(found)
        assert len(acknowledged) == len(set(acknowledged))
    assert len(acknowledged) >= kills


def test_killed_at_random_moments_no_acknowledged_event_is_lost(path):
    check_kills(path, 3)


@pytest.mark.slow
def test_killed_fifty_times(path):
    check_kills(path, 50)
