"""The range of an option: declared with the option, held against its value, said in words."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import typing
from typing import Any


@dataclasses.dataclass(frozen=True)
class Range:
    """Which numbers an option takes; infinity and what is no number are in no range.

    Args:
        least: the least value, itself allowed.
        above: what a value lies above.
        below: what a value lies below.
        most: the greatest value, itself allowed.
    """

    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None

    def holds(self, value: Any) -> bool:
        """Whether a value is a number in the range."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return False
        number: Any = value  # of whichever type
        return bool(
            -math.inf < number < math.inf  # nor is it NaN
            and (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and (self.most is None or number <= self.most)
        )

    def demand(self, or_none: bool) -> str:
        """What a value must do, as it stands after "must".

        Args:
            or_none: whether there may be no value.
        """
        if self == Range(least=0) and not or_none:
            return "not be negative"
        ending = " or be none" if or_none else ""
        if self.least is not None and self.most is not None:
            return f"lie in {self.least}..{self.most}{ending}"
        if self.above is not None and self.below is not None:
            return f"lie between {self.above} and {self.below}{ending}"
        if self.above is not None and self.most is not None:
            return f"lie above {self.above} and up to {self.most}{ending}"
        bounds = {"at least": self.least, "above": self.above, "below": self.below, "at most": self.most}
        return "be " + " and ".join(f"{word} {v}" for word, v in bounds.items() if v is not None) + ending


def check_ranges(options: Any) -> None:
    """Holds every value against its option's range or choices, each element of a list on its own.

    Args:
        options: an object of an options dataclass; None is in the range of an option that may be None.

    Raises:
        ValueError: a value lies outside.
    """
    owner: Any = type(options)
    kinds = _kinds(owner)
    for name, choices in _choices(owner).items():
        if not any(type(value := getattr(options, name)) is type(one) and value == one for one in choices):
            raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value}")
    for name, range_ in _ranges(owner).items():
        value, or_none = getattr(options, name), not kinds[name].isdisjoint({type(None), Any})
        for one in value if isinstance(value, tuple) else (value,):
            if one is None and or_none:
                continue
            if not range_.holds(one):
                raise ValueError(f"{name} must {range_.demand(or_none)}, got {one}")
            if kinds[name] & {int, float} == {int} and not isinstance(one, numbers.Integral):
                raise ValueError(f"{name} must be a whole number, got {one}")


@functools.cache
def _kinds(options_type: type) -> dict[str, frozenset[Any]]:
    """By name, the types that an option, or an element of a list, may have."""
    hints = typing.get_type_hints(options_type)
    return {name: frozenset({hint, *typing.get_args(hint)}) for name, hint in hints.items()}


@functools.cache
def _choices(options_type: type) -> dict[str, tuple[Any, ...]]:
    """By name, of the options that are words from a list."""
    hints = typing.get_type_hints(options_type)
    return {
        name: typing.get_args(hint)
        for name, hint in hints.items()
        if typing.get_origin(hint) is typing.Literal
    }


@functools.cache
def _ranges(options_type: type) -> dict[str, Range]:
    """By name; who inherits an option and declares it anew without a range keeps the range."""
    return {
        field.name: field.metadata["range"]
        for owner in reversed(options_type.__mro__)
        for field in vars(owner).get("__dataclass_fields__", {}).values()
        if "range" in field.metadata
    }
