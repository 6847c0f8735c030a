import dataclasses
import math
import re

import pytest

from alframe import CheckedOptions, option
from alframe.contract.options import build
from alframe.contract.ranges import Range
from alframe.errors import UsageError


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"least": 1}, [1, 2, 10**400], [0, -1]),
        ({"above": 0}, [1e-9, 1], [0, -1]),
        ({"below": 1}, [0.999, -5], [1, 2]),
        ({"most": 1}, [1, -5], [1.001]),
        ({"least": 0, "below": 1}, [0, 0.5], [-1e-9, 1]),
        ({"above": 0, "most": 1}, [1e-9, 1], [0, 1.001]),
    ],
    ids=str,
)
def test_what_lies_in_a_range(bounds, inside, outside):
    range_ = Range(**bounds)
    assert all(range_.holds(value) for value in inside)
    assert not any(range_.holds(value) for value in [*outside, math.nan, math.inf, -math.inf])


@pytest.mark.parametrize(
    ("bounds", "demand"),
    [
        ({"least": 1}, "be at least 1"),
        ({"least": 0}, "not be negative"),
        ({"above": 0}, "be above 0"),
        ({"most": 0.5}, "be at most 0.5"),
        ({"below": 2}, "be below 2"),
        ({"least": 0, "below": 1}, "be at least 0 and below 1"),
        ({"least": 0, "most": 1}, "lie in 0..1"),
        ({"above": 0, "below": 1}, "lie between 0 and 1"),
        ({"above": 0, "most": 1}, "lie above 0 and up to 1"),
    ],
    ids=str,
)
def test_a_range_in_words(bounds, demand):
    assert Range(**bounds).demand(or_none=False) == demand
    expected = "be at least 0" if bounds == {"least": 0} else demand
    assert Range(**bounds).demand(or_none=True) == f"{expected} or be none"


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    steps: int = option(5, "a count", least=1)
    limit: float | None = option(None, "a share or nothing", above=0, most=1)
    seeds: tuple[int, ...] = option((1, 2), "several", least=0)
    name: str = option("x", "a word")


@dataclasses.dataclass(frozen=True)
class Inheriting(Options):
    steps: int = option(9, "another count")
    more: int = option(3, "of its own", most=3)

    def __post_init__(self):
        super().__post_init__()
        if self.more == 2:
            raise ValueError("more must not be 2")


@dataclasses.dataclass(frozen=True)
class OfTheirOwn:
    """A third party's, which inherits from nothing and checks what it likes."""

    steps: int = option(5, "a count", least=1)

    def __post_init__(self):
        if self.steps == 7:
            raise ValueError("steps must not be 7")


MISTAKES = [
    (Options, {"steps": 0}, "steps must be at least 1, got 0"),
    (Options, {"limit": 0.0}, "limit must lie above 0 and up to 1 or be none, got 0.0"),
    (Options, {"limit": math.nan}, "limit must lie above 0 and up to 1 or be none, got nan"),
    (Options, {"seeds": (1, -2, 3)}, "seeds must not be negative, got -2"),
    (Inheriting, {"steps": 0}, "steps must be at least 1, got 0"),
    (Inheriting, {"more": 4}, "more must be at most 3, got 4"),
    (Inheriting, {"more": 2}, "more must not be 2"),
]


@pytest.mark.parametrize(("options", "values", "message"), MISTAKES)
def test_a_value_outside_is_refused_however_it_comes(options, values, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        options(**values)
    with pytest.raises(UsageError, match=f"^options of 'x': {re.escape(message)}$"):
        build(options, values, "x")


@pytest.mark.parametrize(
    ("steps", "message"), [(0, "steps must be at least 1, got 0"), (7, "steps must not be 7")]
)
def test_ranges_hold_for_the_user_where_a_dataclass_inherits_from_nothing(steps, message):
    with pytest.raises(UsageError, match=message):
        build(OfTheirOwn, {"steps": str(steps)}, "x")


def test_values_inside_are_taken():
    assert Options(limit=None, seeds=()) == build(Options, {"limit": "none", "seeds": []}, "x")
    assert Inheriting(steps=1, more=3).steps == 1
