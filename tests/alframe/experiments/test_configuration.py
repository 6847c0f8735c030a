from pathlib import Path

import pytest

from alframe import UsageError
from alframe.experiments.configuration import merge, read_toml, sections_of


def test_later_layers_win_key_by_key():
    merged = merge({"run": {"rounds": 1, "device": "cpu"}}, {"run": {"rounds": 2}}, {"train": {"epochs": 3}})
    assert merged == {"run": {"rounds": 2, "device": "cpu"}, "train": {"epochs": 3}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file"),
        ("[run", "is not valid TOML"),
        ("rounds = 3", "'rounds' stands outside a section"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_toml(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (7, "a configuration is a dictionary of sections or the path of a TOML file, got 7"),
        ([], "a configuration is a dictionary"),
        (
            {"strategy": "margin"},
            "'strategy' must be a section, a dictionary of options, got 'margin'; there are",
        ),
        ({"run": 3}, "'run' must be a section"),
        ("no.toml", "configuration no.toml can't be read"),
    ],
)
def test_what_is_no_configuration_in_python(config, message):
    with pytest.raises(UsageError, match=message):
        sections_of(config)


def test_a_configuration_in_python_is_not_shared(tmp_path):
    given = {"run": {"rounds": 1}}
    sections_of(given)["run"]["rounds"] = 2
    assert given == {"run": {"rounds": 1}}
    (tmp_path / "c.toml").write_text("[run]\nrounds = 3\n")
    assert sections_of(tmp_path / "c.toml") == sections_of(str(tmp_path / "c.toml")) == {"run": {"rounds": 3}}
    assert sections_of(None) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[run]\nx = " + b"[" * 3000 + b"]" * 3000, "nested too deep"),
        (b"[run]\nrounds = " + b"9" * 5000, "is not valid TOML: Exceeds the limit"),
        (b'[run]\nout = "a\0b"', "is not valid TOML"),
        (b"\xff\xfe[run]", "is not valid TOML"),
    ],
)
def test_a_file_that_no_parser_takes_is_one_line(tmp_path, content, message):
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(UsageError, match="has more than 16 MB"):
        read_toml(Path("/dev/zero"))
