"""The classes of a table's target, numbered, and those of a test part matched to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.data.columns import distinct_texts, kind_of, known_rows
from alframe.data.one_class import LISTS, why_no_classes
from alframe.data.texts import GAPS, are_numbers

if TYPE_CHECKING:
    import pandas as pd

    Codes = np.ndarray[Any, np.dtype[np.int64]]

UNKNOWN = -1
SHOWN = 10


class UnusableLabelsError(ValueError):
    """The target can't be what is learned; the message says why, after the target's name."""


def read_labels(column: pd.Series, missing: frozenset[str] = frozenset()) -> tuple[Codes, list[str], str]:
    """Numbers the classes in ascending order.

    Args:
        column: of any type; an empty text is a gap.
        missing: texts that stand for a gap, too.

    Returns:
        For each row its class or -1, the classes' names, and which texts were guessed to be gaps, or "".

    Raises:
        UnusableLabelsError: a quantity, or several classes a sample.
    """
    if column.dtype == object:
        _check(column[[isinstance(value, LISTS) for value in column]].to_numpy())
    known = known_rows(column, missing)
    codes = np.full(len(column), UNKNOWN)
    if not known.any():
        return codes, [], ""
    rest = column[known]
    kind, guess = kind_of(rest), ""
    if kind in {"numbers", "truth values"}:
        values = np.array(rest.tolist())
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise UnusableLabelsError("holds infinite values, classes are needed")
        _check(values, is_whole=2 * len(values) > len(column))
        found, codes[known] = np.unique(values, return_inverse=True)
        return codes, [_name(value) for value in found], ""
    rows, names = distinct_texts(rest)
    if column.dtype != "category" or not are_numbers(
        names
    ):  # categories of numbers are declared to be classes
        _check(np.array(names))
    signs = [name for name in names if name.lower() in GAPS]
    words = [name for name in names if name.lower() not in GAPS]
    if signs and words and are_numbers(words):
        guess = ", ".join(map(repr, signs))
    else:
        words = names
    number = {name: code for code, name in enumerate(words)}
    codes[known] = np.array([number.get(name, UNKNOWN) for name in names])[rows]
    return codes, words, guess


def _check(values: np.ndarray[Any, Any], *, is_whole: bool = True) -> None:
    if problem := why_no_classes(values, is_whole=is_whole):
        raise UnusableLabelsError(f"holds {problem}")


def match_labels(codes: Codes, names: list[str], classes: list[str]) -> tuple[Codes, dict[str, str]]:
    """Renumbers a test part's labels by the training part's classes.

    Args:
        codes: of each row its class or -1, numbered by ``names``.
        names: of the test part's classes.
        classes: of the training part's.

    Returns:
        The rows' classes, and which name was taken for which other.

    Raises:
        UnusableLabelsError: a class that the training part lacks.
    """
    alike: dict[str, list[int]] = {}
    for code, name in enumerate(classes):
        alike.setdefault(_loosely(name), []).append(code)
    exactly = {name: code for code, name in enumerate(classes)}
    number: list[int] = []
    lacking: list[str] = []
    renamed: dict[str, str] = {}
    for name in names:
        same = [exactly[name]] if name in exactly else alike.get(_loosely(name), [])
        if len(same) == 1:
            number.append(same[0])
            renamed |= {} if name in exactly else {name: classes[same[0]]}
        else:
            lacking.append(name)
    if lacking:
        raise UnusableLabelsError(
            f"has classes in the test part that the training part lacks: {shown(lacking)}; "
            f"that has {shown(classes)}"
        )
    return np.append(number, UNKNOWN).astype(np.int64)[codes], renamed


def shown(names: list[str]) -> str:
    """The first few of the names."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _loosely(name: str) -> str:
    """Without the full stop that UCI's census data end their test part's classes with, nor ``.0``."""
    return name.removesuffix(".0").rstrip(".").strip().casefold()
