import os
import stat

import pytest

from alframe import UsageError
from alframe.records.writing import LEFT_BEHIND, replace, require_writable


@pytest.mark.parametrize("where", ["file/below", "file"])
def test_a_folder_that_cannot_be_written_to(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written to: .*--out"):
        require_writable(tmp_path / where)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    def half(file):
        file.write(b"ha")
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    replace(path, lambda file: file.write(b"whole"))
    for shared in (False, True):
        with pytest.raises(OSError, match="No space"):
            replace(path, half, shared=shared)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file": b"whole"}


def test_two_processes_may_write_one_shared_file(tmp_path):
    path = tmp_path / "file"

    def beside(file):
        file.write(b"ours")
        (tmp_path / "file.1.tmp").write_bytes(b"another process's")

    replace(path, beside, shared=True)
    assert path.read_bytes() == b"ours"
    assert (tmp_path / "file.1.tmp").exists()


def test_the_mode_is_the_usual_one_and_stays_what_the_user_made_it(tmp_path):
    path, usual = tmp_path / "file", tmp_path / "usual"
    usual.write_text("")
    replace(path, lambda file: file.write(b"x"))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    path.chmod(0o600)
    replace(path, lambda file: file.write(b"y"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("shared", [False, True])
def test_an_interrupted_write_leaves_nothing_behind(tmp_path, shared):
    def interrupted(file):
        file.write(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(tmp_path / "file", interrupted, shared=shared)
    assert os.listdir(tmp_path) == []


def test_what_killed_processes_left_is_removed_and_what_lives_is_not(tmp_path):
    path = tmp_path / "file"
    for name, age in (("file.1.tmp", 2), ("file.2.tmp", 0.5), ("other.1.tmp", 2)):
        (tmp_path / name).write_bytes(b"half")
        then = (tmp_path / name).stat().st_mtime - age * LEFT_BEHIND
        os.utime(tmp_path / name, (then, then))
    replace(path, lambda file: file.write(b"whole"), shared=True)
    assert sorted(os.listdir(tmp_path)) == ["file", "file.2.tmp", "other.1.tmp"]


def test_the_last_look_is_before_the_move_and_can_prevent_it(tmp_path):
    path = tmp_path / "file"
    seen = []

    def look():
        seen.append({one.name: one.read_bytes() for one in tmp_path.iterdir()})

    replace(path, lambda file: file.write(b"x"), token="mine", before=look)
    assert seen == [{"file.mine.tmp": b"x"}]

    def refuse():
        raise ValueError("not ours")

    with pytest.raises(ValueError, match="not ours"):
        replace(path, lambda file: file.write(b"y"), token="mine", before=refuse)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"file": b"x"}
