"""One column of a table as numbers: what it holds is found out, and said."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.data.texts import GAPS, NUMBER, Floats, exact, say
from alframe.errors import one_line

if TYPE_CHECKING:
    import pandas as pd

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

TEXTS_SHOWN = 3


class UnusableColumnError(ValueError):
    """What a column holds can't be an input; the message says why, without the column's name."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column as numbers.

    Args:
        values: one float64 a row, NaN for a gap; of categories their positions.
        what: what it was taken for, as "numbers".
        categories: number of categories; 0 where it holds numbers.
        guess: what was guessed, or "".
        option: what says otherwise, ``missing=? takes ...``, with ``{column}`` for the column's name.
    """

    values: Floats
    what: str
    categories: int = 0
    guess: str = ""
    option: str = ""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the user says of all columns.

    Args:
        missing: texts, or numbers in text, that stand for a gap; an empty text always does.
        decimal: as `say` takes it.
        dates: as `say` takes it.
    """

    missing: frozenset[str] = frozenset()
    decimal: str | None = None
    dates: str | None = None


def read_column(column: pd.Series, reading: Reading = Reading(), *, is_categories: bool = False) -> Column:
    """Finds out what a column holds.

    Args:
        column: of any type.
        reading: what the user says.
        is_categories: numbers, dates and times are categories, too.

    Raises:
        UnusableColumnError: infinite values, or things that are neither numbers nor texts.
    """
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub" and not is_categories:
        return _fast(column.to_numpy(), reading.missing)
    known = known_rows(column, reading.missing)
    values = np.full(len(column), np.nan)
    if not known.any():
        return Column(values, "nothing")
    if isinstance(column.dtype, pd.CategoricalDtype):
        values[known] = column.cat.codes.to_numpy()[known]
        return Column(values, "categories", len(column.cat.categories))
    rest = column[known]
    kind = kind_of(rest)
    if kind == "text" or is_categories:
        rows, texts = distinct_texts(rest)
        read = _categories(texts) if is_categories else _texts(texts, reading)
        values[known] = read.values[rows]
        return dataclasses.replace(read, values=values)
    values[known] = _numbers(rest, kind)
    return _finite(Column(values, kind))


def _fast(numbers: np.ndarray[Any, Any], missing: frozenset[str]) -> Column:
    """A column of plain numbers, of which there may be 100,000."""
    kind = "truth values" if numbers.dtype.kind == "b" else "numbers"
    values = numbers.astype(np.float64) if numbers.dtype.kind in "fb" else _integers(numbers)
    if gaps := _as_numbers(missing):
        values[np.isin(numbers, gaps)] = np.nan
    return _finite(Column(values, "nothing" if np.isnan(values).all() else kind))


def _finite(column: Column) -> Column:
    if (infinite := np.isinf(column.values)).any():
        raise UnusableColumnError(f"infinite values, the first in row {int(infinite.argmax()) + 1}")
    return column


def _as_numbers(texts: frozenset[str]) -> list[float]:
    return [float(text) for text in texts if NUMBER.fullmatch(text)]


def known_rows(column: pd.Series, missing: frozenset[str] = frozenset()) -> Mask:
    """Which rows have a value: neither a gap nor an empty text nor one of ``missing``.

    Args:
        column: of any type.
        missing: texts, or numbers in text.
    """
    import pandas as pd

    known: Mask = column.notna().to_numpy(bool)
    kind = kind_of(column[known]) if known.any() else "nothing"
    if kind == "text":
        gaps: list[Any] = [text for text in column[known].unique() if str(text).strip() in {"", *missing}]
    elif kind == "numbers":
        gaps = _as_numbers(missing)
    else:
        gaps = []
    if not gaps:
        return known
    objects = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    return known & ~objects.isin(gaps).to_numpy(bool, na_value=False)


def kind_of(values: pd.Series) -> str:
    """What a column without gaps holds: numbers, truth values, dates or times; "text" where nothing suits.

    Raises:
        UnusableColumnError: lists, dictionaries, or complex numbers.
    """
    import pandas as pd

    types = pd.api.types
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
        return "text"
    if types.is_bool_dtype(values.dtype):
        return "truth values"
    if types.is_complex_dtype(values.dtype):
        raise UnusableColumnError("complex numbers")
    if types.is_numeric_dtype(values.dtype):
        return "numbers"
    if types.is_datetime64_any_dtype(values.dtype) or types.is_timedelta64_dtype(values.dtype):
        return "dates or times"
    found = types.infer_dtype(values.astype(object), skipna=True)
    if found in {"integer", "floating", "mixed-integer-float", "decimal"}:
        return "numbers"
    if found in {"date", "datetime", "datetime64", "timedelta", "timedelta64", "time", "period"}:
        return "dates or times"
    if found == "boolean":
        return "truth values"
    for value in values.astype(object) if found != "string" else ():
        if isinstance(value, list | dict | tuple | set | np.ndarray | complex):
            raise UnusableColumnError(f"values of type {type(value).__name__}, neither numbers nor texts")
    return "text"


def distinct_texts(values: pd.Series) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Of each row the position of its text, and the texts: stripped, distinct and sorted."""
    import pandas as pd

    rows, found = pd.factorize(values.astype(str).to_numpy(object))
    stripped = [str(text).strip() for text in found]
    texts = sorted(set(stripped))
    place = {text: position for position, text in enumerate(texts)}
    return np.array([place[text] for text in stripped])[rows], texts


def _texts(texts: list[str], reading: Reading) -> Column:
    """What each of the texts means."""
    said = say(texts, decimal=reading.decimal, dates=reading.dates)
    if said is None:
        guess, option = _hint(texts)
        return dataclasses.replace(_categories(texts), guess=guess, option=option)
    if np.isinf(said.values).any():
        raise UnusableColumnError(f"infinite values, as {texts[int(np.isinf(said.values).argmax())]!r}")
    guess = f"taken as {said.what}"
    if said.gaps:
        guess += f" with {', '.join(map(repr, said.gaps[:TEXTS_SHOWN]))} as missing"
    option = "categories={column} takes it as categories"
    if said.is_ambiguous:
        is_date = said.what.startswith("dates")
        option = (
            "dates=day-first reads days first" if is_date else "decimal=comma takes it for the decimal one"
        )
    return Column(said.values, said.what, 0, guess, option)


def _categories(texts: list[str]) -> Column:
    return Column(np.arange(float(len(texts))), "categories", len(texts))


def _hint(texts: list[str]) -> tuple[str, str]:
    """What categories may have been meant to be: gaps, or numbers but for a word; and the option for it."""
    words = [text for text in texts if not NUMBER.fullmatch(text)]
    if len(texts) > 10 * len(words):
        shown = ",".join(words[:TEXTS_SHOWN])
        guess = f"taken as categories, for there is {shown} beside numbers"
        return guess, f"missing={shown} takes it as numbers"
    if signs := [text for text in words if text.lower() in GAPS]:
        shown = ",".join(signs[:TEXTS_SHOWN])
        return f"{shown} taken as a value", f"missing={shown} takes it as missing"
    return "", ""


def _numbers(values: pd.Series, kind: str) -> Floats:
    import pandas as pd

    types = pd.api.types
    if kind == "dates or times":
        return _moments(values)
    if kind == "truth values" or types.is_float_dtype(values.dtype):
        return values.to_numpy(np.float64)
    if types.is_integer_dtype(values.dtype):
        return _integers(values.to_numpy(np.uint64 if values.dtype.kind == "u" else np.int64))
    return exact([number.item() if isinstance(number, np.generic) else number for number in values])


def _integers(numbers: np.ndarray[Any, Any]) -> Floats:
    """Less the smallest, where float64 would lose digits."""
    low, high = int(numbers.min()), int(numbers.max())
    if max(abs(low), abs(high)) < 2**53:
        return numbers.astype(np.float64)
    return (numbers.astype(np.uint64) - np.uint64(low % 2**64)).astype(np.float64)  # exact, modulo 2^64


def _moments(values: pd.Series) -> Floats:
    """Dates and times as a count of some unit."""
    import pandas as pd

    first = values.iloc[0]
    if isinstance(first, datetime.time):
        return np.array([t.hour * 3600 + t.minute * 60 + t.second + t.microsecond / 1e6 for t in values])
    if isinstance(first, pd.Period):
        values = pd.Series([period.start_time for period in values])
    try:
        if isinstance(first, datetime.timedelta | np.timedelta64):
            counts = pd.to_timedelta(values.tolist()).to_numpy()
        else:
            counts = pd.to_datetime(values.tolist(), utc=True).tz_localize(None).to_numpy()
    except (ValueError, TypeError) as error:
        raise UnusableColumnError(f"dates that can't be read: {one_line(error)}") from error
    return _integers(counts.astype(np.int64))
