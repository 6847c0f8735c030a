"""What a request may say, checked before the session hears of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

EVENTS = ("label", "skip", "unsure", "undo", "adjudicate", "class-add", "class-rename", "class-key")
ON_SAMPLES = ("label", "skip", "unsure", "adjudicate")
LONGEST = 200  # characters of a name or an id
LONGEST_SECONDS = 24 * 3600.0  # a page may stay open over night


class BadRequestError(Exception):
    """A request says what no page of ours does; the server answers 400 with the message."""


def event_of(body: Any, samples: int) -> dict[str, Any]:
    """An event's fields out of the JSON of ``POST /events``.

    Args:
        body: what was sent.
        samples: how many there are; a sample is named by its number.

    Returns:
        The fields that are given and not null. ``sample`` is still the number.

    Raises:
        BadRequestError: a field is unknown, missing, or of another type.
    """
    if not isinstance(body, dict):
        raise BadRequestError("an event is a JSON object")
    checks = {
        "event": lambda value: value in EVENTS,
        "client": _name,
        "sample": lambda value: _whole(value) and 0 <= value < samples,
        "label": _name,
        "to": _name,
        "key": _name,
        "seconds": lambda value: _fraction(value, LONGEST_SECONDS),
        "why": _name,
        "model": lambda value: _whole(value) and value >= 0,
        "p": lambda value: _fraction(value, 1),
        "suggested": _name,
    }
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name not in checks:
            raise BadRequestError(f"an event has no {name[:LONGEST]!r}; it has {', '.join(checks)}")
        if not checks[name](value):
            raise BadRequestError(f"{name} can't be {str(value)[:LONGEST]!r}")
    for name in _needed(given.get("event", "")):
        if name not in given:
            raise BadRequestError(f"{name} is missing")
    return given


def _needed(event: str) -> tuple[str, ...]:
    needed: tuple[str, ...] = ("event", "client")
    if event in ON_SAMPLES:
        needed += ("sample",)
    needed += {"class-rename": ("to",), "class-key": ("key",)}.get(event, ())
    return needed if event in ("skip", "unsure", "undo", "") else (*needed, "label")


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _fraction(value: Any, most: float) -> bool:
    number_ = isinstance(value, int | float) and not isinstance(value, bool)
    return number_ and math.isfinite(value) and 0 <= value <= most


def number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number out of an address, from 0 to `most`; above it is `most`."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadRequestError(f"{name} is a whole number")
    return min(int(text), most)


def numbers(query: Mapping[str, str], name: str) -> list[int]:
    """Whole numbers with commas between."""
    parts = [part for part in query.get(name, "").split(",") if part]
    if len(parts) > 100 or not all(part.isascii() and part.isdecimal() and len(part) < 16 for part in parts):
        raise BadRequestError(f"{name} is up to 100 whole numbers with commas between")
    return [int(part) for part in parts]
