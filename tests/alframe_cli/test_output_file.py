import os
import stat
import threading

import pytest

from alframe import UsageError
from alframe_cli import output_file
from alframe_cli.output_file import require_no_input, write_output


def whole(file):
    file.write(b"whole")


def half(file):
    file.write(b"ha")
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["file", "link", "hard"])
def test_what_was_there_stays_where_writing_fails(tmp_path, name):
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="No space"):
        write_output(tmp_path / name, half)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("file", "link", "hard"), b"before"
    )
    write_output(tmp_path / name, whole)
    assert (tmp_path / name).read_bytes() == b"whole"


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_of_the_user_is_followed(tmp_path, exists):
    (tmp_path / "disk").mkdir()
    if exists:
        (tmp_path / "disk" / "file").write_bytes(b"before")
    (tmp_path / "link").symlink_to("disk/file")
    write_output(tmp_path / "link", whole)
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "disk") == ["file"]
    assert (tmp_path / "disk" / "file").read_bytes() == b"whole"


def test_a_link_that_leads_to_itself(tmp_path):
    (tmp_path / "link").symlink_to("link")
    write_output(tmp_path / "link", whole)
    assert (tmp_path / "link").read_bytes() == b"whole"


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_output(tmp_path / "pipe", whole)
    reader.join()
    assert read == [b"whole"]
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


def test_what_the_system_names_is_written_to_where_it_is(tmp_path):
    with (tmp_path / "file").open("wb") as opened:
        before = os.stat(opened.fileno()).st_ino
        write_output(output_file.Path(f"/dev/fd/{opened.fileno()}"), whole)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert (tmp_path / "file").stat().st_ino == before


def test_a_file_in_a_folder_that_takes_no_other(tmp_path, monkeypatch):
    def refuse(path, write):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output_file, "replace", refuse)
    (tmp_path / "file").write_bytes(b"before")
    write_output(tmp_path / "file", whole)
    assert (tmp_path / "file").read_bytes() == b"whole"
    with pytest.raises(PermissionError):
        write_output(tmp_path / "new", whole)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_output(tmp_path, whole)


def test_an_input_is_no_output(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").symlink_to("a")
    for name in ("a", "b"):
        with pytest.raises(
            UsageError, match=rf"--out .*{name} would overwrite .*a, which is read; name another"
        ):
            require_no_input(tmp_path / name, "--out", [tmp_path / "none", tmp_path / "a"])
    require_no_input(tmp_path / "c", "--out", [tmp_path / "a"])
