import os

import pytest

from alframe import UsageError
from alframe.records.writing import replace, require_writable


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
