import pytest

from alframe import UsageError
from alframe.experiments.configuration import merge, read_toml


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
