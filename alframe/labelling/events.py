"""What people do to a session, one event at a time, and each as a line of the journal."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from alframe.errors import one_line

VERSION = 1
ANSWERS = ("label", "skip", "unsure")  # what somebody says of a sample
CLASS_EVENTS = ("class-add", "class-rename", "class-key", "class-merge", "class-remove")
EVENTS = (*ANSWERS, "adjudicate", "undo", *CLASS_EVENTS)
UNDOABLE = (*ANSWERS, "adjudicate")


class NotAnEventError(ValueError):
    """A line is no event; the message says why."""


@dataclasses.dataclass(frozen=True)
class Event:
    """One line of the journal.

    Args:
        n: its number; 1, 2, 3 and so on. Events are in the order of their numbers, whatever the clock says.
        event: what was done, one of `EVENTS`.
        by: who did it.
        at: when, in UTC, as ``2026-11-27T10:12:03Z``.
        sample: id of the sample.
        label: name of the class, as it was called then.
        seconds: how long the sample was looked at.
        why: what put it before the person: a strategy's name, "audit", "random", "grid", "import".
        model: version of the model that chose or suggested.
        p: the model's probability of what it suggested.
        suggested: the class that the person was shown as a suggestion.
        of: number of the event that is undone.
        client: the page's own number for the press; the same one again is the same press.
        to: the new name of a class, or the class that it is merged into.
        key: the key of a class.
        q: probability with which an actively chosen audit sample was drawn.
        v: version of the line's format.
    """

    n: int
    event: str
    by: str
    at: str
    sample: str | None = None
    label: str | None = None
    seconds: float | None = None
    why: str | None = None
    model: int | None = None
    p: float | None = None
    suggested: str | None = None
    of: int | None = None
    client: str | None = None
    to: str | None = None
    key: str | None = None
    q: float | None = None
    v: int = VERSION


_NAMES = tuple(field.name for field in dataclasses.fields(Event) if field.name != "v")
FIELDS = frozenset(_NAMES) - {"n"}
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """The event as a line of JSON, with its end of line; what is None is left out."""
    fields = {name: getattr(event, name) for name in _NAMES if getattr(event, name) is not None}
    return msgspec.json.encode({"v": event.v} | fields) + b"\n"


def decode(line: bytes) -> Event:
    """The event of a line.

    Raises:
        NotAnEventError: it is none, or of a later version of the format.
    """
    try:
        event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnEventError(one_line(error)) from error
    if event.v > VERSION:
        raise NotAnEventError(f"a later alframe wrote it (version {event.v}, this one reads {VERSION})")
    if event.event not in EVENTS:
        raise NotAnEventError(f"there is no event {event.event!r}")
    if event.n < 1:
        raise NotAnEventError(f"its number is {event.n}; the first is 1")
    return event


def made(n: int, fields: Mapping[str, Any]) -> Event:
    """An event of checked fields; ``at`` is now unless they say it.

    Raises:
        NotAnEventError: a field has the wrong type.
    """
    try:
        return msgspec.convert({"at": timestamp(), **fields, "n": n}, Event)
    except msgspec.ValidationError as error:
        raise NotAnEventError(one_line(error)) from error


def timestamp(seconds: float | None = None) -> str:
    """Seconds since 1970, else now, as the journal writes it."""
    moment = datetime.datetime.fromtimestamp(time.time() if seconds is None else seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(at: str | None) -> float | None:
    """Seconds since 1970 of a time in ISO's form; None where it is none. Without a zone it is UTC."""
    try:
        moment = datetime.datetime.fromisoformat(at or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
