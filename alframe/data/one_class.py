"""What is not one class a sample, quantities and several classes, and the one sentence that refuses it."""

from __future__ import annotations

import numbers
from decimal import Decimal
from typing import Any

import numpy as np

from alframe.data.texts import say

MANY = 20  # distinct numbers that may be classes, however few samples there are
RULE = "alframe learns one class a sample"
CUT = "cut the quantity into classes (pandas.cut, numpy.digitize), or take another target"
SINGLE = "keep one class of each sample, or make one data set for each class, with 0 and 1 as targets"
SEPARATORS = (";", "|", ",")
BRACKETS = ("[]", "()", "{}")
LISTS = (list, tuple, set, frozenset, dict, np.ndarray)

Array = np.ndarray[Any, Any]


def why_no_classes(targets: Any, *, is_whole: bool = True) -> str | None:
    """What targets hold instead of one class a sample, and what to do; None where they can be classes.

    Refused are numbers with fractions, whole numbers of which more than half differ (above 20), lists, texts
    that join classes as ``a;b``, and rows of several numbers. Whole numbers stored as floats are classes.

    Args:
        targets: an entry a sample, numbers or texts, as an array, a Series or a list; NaN and None are gaps.
        is_whole: all of a data set. Of a few labelled samples alone each may have a class of its own.

    Returns:
        A phrase that follows "holds" or "got".

    Example:
        >>> why_no_classes([1.0, 2.0, 2.0])
        >>> why_no_classes([0.37, 1.52])[:58]
        'numbers with fractions, as 0.37, a quantity (a regression)'
    """
    try:
        values = np.asarray(targets)
    except ValueError:  # lists of several lengths
        values = np.fromiter(targets, dtype=object)
    if values.ndim > 1 and values.size != len(values):
        return _rows(values.reshape(len(values), -1))
    values = values.reshape(-1)
    if values.dtype.kind == "O":
        known = [value for value in values.tolist() if not _is_gap(value)]
        if cells := [value for value in known if isinstance(value, LISTS)]:
            return _lists(cells)
        is_number = all(isinstance(value, numbers.Real | Decimal) for value in known)
        values = np.array([float(value) for value in known] if is_number else [str(v) for v in known])
    if values.dtype.kind in "iuf":
        return _numbers(values, is_whole)
    return _texts(sorted(set(values.tolist()))) if values.dtype.kind == "U" else None


def several_targets(names: list[str]) -> str:
    """The same of several columns that are named as targets."""
    shown = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} columns are named as targets, {shown} (multi-label); {RULE}: name one of them"


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) in ("<NA>", "NaT")


def _numbers(values: Array, is_whole: bool, as_texts: bool = False) -> str | None:
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
        if len(fractions := values[values != np.floor(values)]):
            first = f"{fractions[0]:g}"
            return f"numbers with fractions, as {first}, a quantity (a regression); {RULE}: " + (
                _cut(first) if is_whole or as_texts else CUT
            )
    distinct = len(np.unique(values)) if is_whole else 0
    if distinct <= max(MANY, len(values) / 2):
        return None
    return (
        f"{distinct:,} different numbers in {len(values):,} samples, which looks like a regression; {RULE}: "
        f"{_cut(f'{values[0]:g}')}"
    )


def _cut(first: str) -> str:
    return f"{CUT}; if they are classes, give them as texts, as c{first}"


def _rows(rows: Array) -> str:
    """Of ``n x k`` values."""
    width = rows.shape[1]
    if rows.dtype.kind not in "biuf":
        return f"{width} values a sample (multi-label); {RULE}: keep one column"
    if np.isin(rows, (0, 1)).all():
        ones = rows.astype(bool).sum(axis=1)
        if (ones == 1).all():
            return f"one-hot rows of {width} numbers; {RULE}: argmax(1) makes class numbers of them"
        most = f"rows of 0 and 1 with up to {ones.max()} ones"
        return f"{most}, several classes a sample (multi-label); {RULE}: {SINGLE}"
    if (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        return f"rows of {width} probabilities; {RULE}: argmax(1) makes class numbers of them"
    kind = "a regression" if rows.dtype.kind == "f" else "multi-label"
    return (
        f"{width} numbers a sample ({kind} of several targets); {RULE}: keep one column; of scores of "
        "classes argmax(1) makes class numbers"
    )


def _lists(cells: list[Any]) -> str:
    kind = type(cells[0]).__name__
    if all(len(cell) == 1 for cell in cells) and not isinstance(cells[0], set | frozenset | dict):
        return (
            f"values of type {kind}, of one entry each; {RULE}: take it out, as [cell[0] for cell in targets]"
        )
    return f"values of type {kind}, several classes a sample (multi-label); {RULE}: {SINGLE}"


def _texts(texts: list[str]) -> str | None:
    """Of distinct texts."""
    texts = [text.strip() for text in texts if text.strip()]
    said = say(texts) if len(texts) > MANY else None
    if said and said.what.startswith("numbers"):
        return _numbers(said.values, is_whole=False, as_texts=True)
    if lists := [text for text in texts if text[0] + text[-1] in BRACKETS and "," in text]:
        return (
            f"lists in text, as {_short(lists[0])}, several classes a sample (multi-label); {RULE}: {SINGLE}"
        )
    for separator in SEPARATORS:
        if joined := _joined(texts, separator):
            return (
                f"texts that join classes by {separator!r}, as {_short(joined)}, several classes a sample "
                f"(multi-label); {RULE}: {SINGLE}; if each text is a class, write it without {separator!r}"
            )
    return None


def _joined(texts: list[str], separator: str) -> str:
    """A text that joins others' classes; "" where names only happen to have a comma or a semicolon.

    Most parts must be used again: by any other text, or where a comma joins, which names of classes have,
    too, as a class by themselves.
    """
    parts = {text: {part.strip() for part in text.split(separator)} - {""} for text in texts}
    several = [text for text in texts if len(parts[text]) > 1]
    found = {part for text in several for part in parts[text]}
    uses = dict.fromkeys(found, 0)
    for text in texts:
        for part in parts[text] & found:
            uses[part] += len(parts[text]) == 1 if separator == "," else 1
    again = sum(count > (0 if separator == "," else 1) for count in uses.values())
    return several[0] if 2 * again > len(found) else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
