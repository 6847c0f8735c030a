"""What is asked of a session, checked before it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from alframe.errors import UsageError, unknown_name
from alframe.labelling.classes import KEYS, Classes, checked_name
from alframe.labelling.events import EVENTS, FIELDS, moment_of, timestamp
from alframe.labelling.samples import Samples
from alframe.labelling.state import State

NUMBERS = ("seconds", "p", "q")
LONGEST = 200  # characters of a name, a reason or a client's id


def checked(fields: Mapping[str, Any], by: str, samples: Samples, state: State) -> dict[str, Any]:
    """The fields of an event, ready for the journal.

    Args:
        fields: as they came; ``sample`` is an id or a position.
        by: who posts it.
        samples: those that there are.
        state: what was said so far.

    Raises:
        UsageError: an unknown event, field, sample or class, or a value that can't be.
    """
    event = fields.get("event")
    if event not in EVENTS:
        raise unknown_name("event", str(event), EVENTS)
    if unknown := sorted(map(str, set(fields) - FIELDS)):
        raise UsageError(f"event {event}: there is no field {', '.join(unknown)}")
    new = {name: value for name, value in fields.items() if value is not None}
    new |= {"by": _text("by", by), "at": _time(fields.get("at"))}
    for name in ("why", "client", "suggested"):
        if name in new:
            new[name] = _text(name, new[name])
    for name in NUMBERS:
        if name in new and not _is_number(new[name]):
            raise UsageError(f"{name}: expected a number, got {new[name]!r}")
    if event in ("label", "skip", "unsure", "adjudicate"):
        new["sample"] = _sample(fields.get("sample"), samples)
    if event in ("label", "adjudicate"):
        new["label"] = state.classes.name(state.classes.number(fields.get("label")))
    elif event.startswith("class-"):
        new |= _class_event(event, fields, state)
    return new


def _sample(name: Any, samples: Samples) -> str:
    if isinstance(name, int) and not isinstance(name, bool):
        if not 0 <= name < len(samples.all):
            raise UsageError(f"there is no sample {name}; there are {len(samples.all):,}, from 0")
        return samples.all[name].id
    position = samples.position(name) if isinstance(name, str) else None
    if position is None:
        raise UsageError(f"there is no sample {name!r}")
    return samples.all[position].id


def _class_event(event: str, fields: Mapping[str, Any], state: State) -> dict[str, Any]:
    classes = state.classes
    if event == "class-add":
        name = checked_name(fields.get("label"))
        if classes.find(name) is not None:
            raise UsageError(f"there is a class {name!r} already")
        return {"label": name} | ({"key": _key(fields["key"])} if fields.get("key") else {})
    name = classes.name(classes.number(fields.get("label")))
    if event == "class-key":
        return {"label": name, "key": _key(fields.get("key"))}
    if event == "class-remove":
        if held := state.holds(name):
            raise UsageError(f"class {name!r} has {held:,} labels; rename it or merge it into another")
        return {"label": name}
    return {"label": name, "to": _other_name(event, name, fields.get("to"), classes)}


def _other_name(event: str, name: str, to: Any, classes: Classes) -> str:
    if event == "class-merge":
        other = classes.name(classes.number(to))
        if other == name:
            raise UsageError(f"class {name!r} can't be merged into itself")
        return other
    other = checked_name(to)
    if classes.find(other) is not None:
        raise UsageError(f"there is a class {other!r} already; merge {name!r} into it instead")
    return other


def _key(key: Any) -> str:
    if not isinstance(key, str) or len(key) != 1 or key not in KEYS:
        raise UsageError(f"key: expected one of {KEYS}, got {key!r}")
    return key


def _text(name: str, text: Any) -> str:
    try:
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST or not text.encode():
            raise UsageError(f"{name}: expected a text of 1 to {LONGEST} characters, got {text!r:.100}")
    except UnicodeEncodeError as error:
        raise UsageError(f"{name}: {text!r:.100} is no text") from error
    return text


def _time(at: Any) -> str:
    if at is None:
        return timestamp()
    moment = moment_of(at) if isinstance(at, str) else None
    if moment is None:
        raise UsageError(f"at: expected a time as {timestamp()}, got {at!r:.100}")
    return timestamp(moment)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
