import dataclasses
import itertools
from typing import Literal

import pytest

from alframe import option
from alframe.contract.scores import RANGES, NeededScores, in_words, needed_scores, why_refused


@dataclasses.dataclass(frozen=True)
class Options:
    form: Literal["power", "softmax"] = option("power", "a form")
    weighted: bool = option(False, "whether by shares")


BY_OPTION = {"form=power": "nonnegative", "weighted=true": "unit"}


def test_a_range_suits_whoever_needs_it_or_a_wider_one():
    suiting = {(p, n) for p, n in itertools.product(RANGES, RANGES) if NeededScores(n).met_by(p)}
    not_suiting = {("any", "nonnegative"), ("any", "unit"), ("nonnegative", "unit")}
    assert suiting == set(itertools.product(RANGES, RANGES)) - not_suiting


@pytest.mark.parametrize("needed", RANGES)
def test_what_is_not_said_is_left_to_the_selector(needed):
    assert NeededScores(needed).met_by("")


@pytest.mark.parametrize(
    ("declared", "options", "needed"),
    [
        ("any", Options(), NeededScores("any")),
        ("unit", Options(), NeededScores("unit")),
        (BY_OPTION, Options(), NeededScores("nonnegative", "form=power")),
        (BY_OPTION, Options(form="softmax"), NeededScores("any")),
        (BY_OPTION, Options(weighted=True), NeededScores("unit", "weighted=true")),
        (dict(reversed(BY_OPTION.items())), Options(weighted=True), NeededScores("unit", "weighted=true")),
    ],
)
def test_options_decide_and_of_several_needs_the_narrowest(declared, options, needed):
    assert needed_scores(declared, options) == needed


def test_the_refusal_names_both_and_what_to_do():
    needed = NeededScores("nonnegative", "form=power")
    assert why_refused("drawer", needed, "margin", "any", ["bald", "entropy"]) == (
        "drawer with form=power needs scores of at least 0, and those of margin are of any sign: "
        "take a scorer of such scores, as bald, entropy; or another drawer.form"
    )
    assert why_refused("cover", NeededScores("unit"), "entropy", "nonnegative", []) == (
        "cover needs scores from 0 to 1, and those of entropy are of at least 0: "
        "take a scorer of such scores; or another selector"
    )
    assert why_refused("drawer", needed, "bald", "unit", []) == ""


def test_in_words():
    assert in_words("any") == ""
    assert in_words("unit") == "from 0 to 1"
    assert in_words(BY_OPTION) == "of at least 0 with form=power, from 0 to 1 with weighted=true"
