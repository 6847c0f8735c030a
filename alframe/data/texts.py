"""What texts say when they are no words: numbers, truth values, dates and times.

Each function is given the distinct texts of one column and answers for all of them or not at all: one text
that says something else makes the column one of categories.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

# What stands for a gap where everything else is a number; among words each of them may be a word.
GAPS = {"?", "-", "--", ".", "na", "n/a", "<na>", "#n/a", "#na", "nan", "-nan", "nat", "null", "none", "nil"}
GAPS |= {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "#null!", "#value!", "#div/0!"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
EXACT_DIGITS = 15  # integers of so many digits are exact as float64
MOST_DIGITS = 4000  # Python converts no longer ones
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?|[+-]?,\d+", re.ASCII)
UNIT = re.compile(r"([+-]?)[$€£¥]?\s*(.*?)\s*%?")
ISO_DATE = re.compile(r"\d{4}-\d{1,2}(-\d{1,2}([ T].*)?)?", re.ASCII)
CLOCK = r"(\d{1,3}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?(?:\s*([AaPp])[Mm])?"
TIME = re.compile(CLOCK, re.ASCII)
DATE = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ T]+(.+))?", re.ASCII)
DATE_BY_YEAR = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:,?[ T]+(.+))?", re.ASCII)
NAMED_MONTHS = ("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y")


@dataclasses.dataclass(frozen=True)
class Said:
    """What the distinct texts of a column say.

    Args:
        values: a number for each of them, NaN where it stands for a gap.
        what: the kind of thing, as "dates".
        gaps: those that stand for gaps.
        is_ambiguous: another reading of the same texts is as good.
    """

    values: Floats
    what: str
    gaps: tuple[str, ...] = ()
    is_ambiguous: bool = False


def say(texts: list[str], *, decimal: str | None = None, dates: str | None = None) -> Said | None:
    """Reads texts as numbers, truth values, dates or times; None where they are words.

    Args:
        texts: distinct, stripped, none empty.
        decimal: what parts whole from fraction, "point" or "comma"; None: what suits.
        dates: how 1/2/2020 is meant, "day-first" or "month-first"; None: what suits, or else months first.
    """
    gaps = tuple(text for text in texts if text.lower() in GAPS)
    rest = [text for text in texts if text.lower() not in GAPS]
    if not rest:
        return None
    said = _numbers(rest, decimal) or _truth(rest) or _times(rest, dates)
    if said is None or not gaps:
        return said
    values = np.full(len(texts), np.nan)
    values[[text.lower() not in GAPS for text in texts]] = said.values
    return dataclasses.replace(said, values=values, gaps=gaps)


def exact(numbers: list[Any]) -> Floats:
    """Python's numbers as float64: whole ones and decimals less the first where float64 would lose digits."""
    if all(isinstance(number, int) and abs(number) < 2**53 for number in numbers):
        return np.array(numbers, dtype=np.float64)
    first = 0 if any(isinstance(number, float) for number in numbers) else numbers[0]
    return np.array([_difference(number, first) for number in numbers])


def _difference(number: Any, first: Any) -> float:
    try:
        return float(number - first)
    except ArithmeticError:  # beyond float64, or infinity less infinity
        return float("inf")


def are_numbers(texts: list[str]) -> bool:
    """Whether all are plain numbers."""
    return all(NUMBER.fullmatch(text) for text in texts)


def _numbers(texts: list[str], decimal: str | None) -> Said | None:
    if are_numbers(texts) and decimal != "comma":
        return _plain(texts, "numbers")
    if not any(form.fullmatch(_without_unit(texts[0])) for form in (NUMBER, THOUSANDS, DECIMAL_COMMA)):
        return None  # the usual case, at once
    bare = [_without_unit(text) for text in texts]
    if decimal != "comma" and all(NUMBER.fullmatch(text) or THOUSANDS.fullmatch(text) for text in bare):
        if not any("," in text for text in bare):
            return _plain(bare, "numbers with a unit")
        said = _plain([text.replace(",", "") for text in bare], "numbers with a comma at thousands")
        is_open = decimal is None and all(map(DECIMAL_COMMA.fullmatch, bare))
        return dataclasses.replace(said, is_ambiguous=is_open)
    if decimal != "point" and all(map(DECIMAL_COMMA.fullmatch, bare)):
        plain = [text.replace(".", "").replace(",", ".") for text in bare]
        return _plain(plain, "numbers with a decimal comma")
    return None


def _plain(texts: list[str], what: str) -> Said:
    if all(INTEGER.fullmatch(text) for text in texts) and EXACT_DIGITS < max(map(len, texts)) < MOST_DIGITS:
        return Said(exact([int(text) for text in texts]), what)
    return Said(np.array([float(text) for text in texts]), what)


def _without_unit(text: str) -> str:
    match = UNIT.fullmatch(text)
    return text if match is None else match[1] + match[2]


def _truth(texts: list[str]) -> Said | None:
    lower = [text.lower() for text in texts]
    if set(lower) <= {"true", "false"}:
        return Said(np.array([float(text == "true") for text in lower]), "truth values")
    return None


def _times(texts: list[str], dates: str | None) -> Said | None:
    """Dates as seconds since any day, times as seconds."""
    if all(map(TIME.fullmatch, texts)):
        return Said(np.array([_seconds(text) for text in texts]), "times")
    if all(map(ISO_DATE.fullmatch, texts)):
        return _by_pandas(texts, "ISO8601")
    if all(map(DATE_BY_YEAR.fullmatch, texts)):
        parts = [DATE_BY_YEAR.fullmatch(text) for text in texts]
        return _by_calendar([(m[1], m[2], m[3], m[4]) for m in parts if m], "dates")
    if all(map(DATE.fullmatch, texts)):
        return _by_slashes([m for m in map(DATE.fullmatch, texts) if m], dates)
    for form in NAMED_MONTHS:
        if (said := _by_pandas(texts[:1], form)) and (said := _by_pandas(texts, form)):
            return said
    return None


def _by_slashes(parts: list[re.Match[str]], dates: str | None) -> Said | None:
    """1/2/2020: whose order nothing tells unless a number is above 12, or dots part them."""
    order = dates
    if order is None and any(int(part[1]) > 12 for part in parts):
        order = "day-first"
    elif order is None:
        order = "day-first" if all(part[2] == "." for part in parts) else "month-first"
    is_open = dates is None and max(int(part[3]) for part in parts) <= 12 and order == "month-first"
    day, month = (1, 3) if order == "day-first" else (3, 1)
    calendar = [(_year(part[4]), part[month], part[day], part[5]) for part in parts]
    said = _by_calendar(calendar, f"dates, {order.replace('-', ' ')}")
    return said and dataclasses.replace(said, is_ambiguous=is_open)


def _year(text: str) -> str:
    return text if len(text) == 4 else ("19" if text >= "69" else "20") + text  # as strptime's %y


def _by_calendar(parts: list[tuple[str, str, str, str | None]], what: str) -> Said | None:
    seconds = []
    for year, month, day, clock in parts:
        if clock is not None and not TIME.fullmatch(clock):
            return None
        try:
            days = datetime.date(int(year), int(month), int(day)).toordinal()
        except ValueError:
            return None
        seconds.append(86400.0 * days + (_seconds(clock) if clock else 0.0))
    return Said(np.array(seconds), what)


def _seconds(text: str) -> float:
    match = TIME.fullmatch(text)
    assert match is not None
    hours = int(match[1])
    if match[4]:
        hours = hours % 12 + (12 if match[4] in "Pp" else 0)
    return 3600.0 * hours + 60.0 * int(match[2]) + float(match[3] or 0)


def _by_pandas(texts: list[str], form: str) -> Said | None:
    import pandas as pd

    moments = pd.to_datetime(pd.Series(texts, dtype=object), format=form, utc=True, errors="coerce")
    if moments.isna().any():
        return None
    return Said(exact(moments.dt.tz_localize(None).to_numpy().astype(np.int64).tolist()), "dates")
