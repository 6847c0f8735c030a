import click
import pytest

from alframe_cli.params import NameList, Override, SeedList


@pytest.mark.parametrize(
    ("text", "seeds"), [("1", [1]), ("1,2", [1, 2]), ("1-3", [1, 2, 3]), ("0, 5-6", [0, 5, 6]), ("7-7", [7])]
)
def test_seeds(text, seeds):
    assert SeedList().convert(text, None, None) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "3-1", "1.5", "1-"])
def test_what_is_no_seed(text):
    with pytest.raises(click.BadParameter):
        SeedList().convert(text, None, None)


def test_names():
    assert NameList().convert("a, b,", None, None) == ["a", "b"]
    with pytest.raises(click.BadParameter):
        NameList().convert(" , ", None, None)


def test_overrides():
    assert Override().convert("train.weight_decay=5e-4", None, None) == ("train", "weight_decay", "5e-4")
    assert Override().convert("third.party/x.cap = 1", None, None) == ("third.party/x", "cap", "1")


@pytest.mark.parametrize("text", ["cap=1", "alfamix.cap", ".cap=1", "alfamix.=1", ""])
def test_what_is_no_override(text):
    with pytest.raises(click.BadParameter, match=r"section\.key=value"):
        Override().convert(text, None, None)
