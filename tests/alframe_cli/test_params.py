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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1-1000000000", "these are 1,000,000,000 seeds; a run has at most 100,000 trials"),
        ("1-60000,70000-120000", "these are 110,001 seeds"),
        ("1-" + "9" * 5000, "is too large a seed"),
    ],
)
def test_more_seeds_than_anybody_means_are_refused(text, message):
    with pytest.raises(click.BadParameter, match=message) as caught:
        SeedList().convert(text, None, None)
    assert len(str(caught.value)) < 200
