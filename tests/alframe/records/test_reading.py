import os

import pytest

from alframe.records.reading import Unusable, parse_json, read_bytes, read_table, read_text

DEEP = 100_000


def test_what_is_there_is_read(tmp_path):
    file = tmp_path / "file.json"
    file.write_bytes('{"a": "ä"}\r\n'.encode())
    assert read_bytes(file) == file.read_bytes()
    assert read_text(file) == '{"a": "ä"}\n'
    assert read_table(file) == {"a": "ä"}
    (tmp_path / "link.json").symlink_to(file)
    assert read_table(tmp_path / "link.json") == {"a": "ä"}


def test_what_is_missing(tmp_path):
    for read in (read_bytes, read_text, read_table):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.json")


def pipe(path):
    os.mkfifo(path)


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


STRANGERS = {
    "a pipe": (pipe, "not a file, but a pipe or a device"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a file, but a pipe or a device"),
    "a folder": (lambda path: path.mkdir(), "directory"),
    "a terabyte of nothing": (sparse, "larger than 1,024 MB"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "symbolic links"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
@pytest.mark.parametrize(("make", "reason"), STRANGERS.values(), ids=STRANGERS.keys())
def test_what_is_no_file(tmp_path, make, reason):
    make(tmp_path / "it.json")
    for read in (read_bytes, read_text, read_table):
        with pytest.raises(Unusable, match=reason):
            read(tmp_path / "it.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"[" * DEEP),
        ("a.json", b'{"a":' * DEEP),
        ("a.json", b"9" * 5000),
        ("a.json", b"\xff"),
        ("a.json", b"[1]"),
        ("a.json", b""),
        ("a.toml", b"a = " + b"[" * 3000),
        ("a.toml", b"[a"),
    ],
    ids=["lists", "tables", "a long number", "bytes", "a list", "nothing", "deep TOML", "cut off"],
)
def test_what_is_no_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unusable, match="damaged or cut off"):
        read_table(tmp_path / name)


def test_json_that_is_nested_too_deep_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json("[" * DEEP)
