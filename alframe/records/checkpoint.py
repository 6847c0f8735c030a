"""A checkpoint: what it holds, and how damage to it is found."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from alframe.contract.trial import Round
from alframe.errors import PluginError, TrialError, reason
from alframe.networks.nesting import is_too_deep
from alframe.networks.weights import loaded
from alframe.records.origin import Origin
from alframe.records.reading import Unusable, read_bytes
from alframe.records.rounds import rounds_of

FORMAT = 3
EARLIER = 2  # the same without an origin; its learner's state has a fingerprint of the data
MOST = 1 << 36  # bytes
MARK = b"alframe checkpoint"  # begins the line before what torch saved: mark, format, checksum


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trial as it stands after a round.

    Attributes:
        rounds: every round so far.
        learner: the learner's ``state_dict``.
        origin: what the trial was made of; None where an earlier alframe wrote it.
        note: why the trial ended early, or "".
        finished: whether this was the last round.
        fingerprint: what an earlier alframe told data sets apart by.
    """

    rounds: tuple[Round, ...]
    learner: Mapping[str, Any]
    origin: Origin | None
    note: str = ""
    finished: bool = False
    fingerprint: str = ""


def lines_of(rounds: Iterable[Round]) -> str:
    """What ``rounds.jsonl`` says of rounds: a line each."""
    return "".join(json.dumps(one.as_dict()) + "\n" for one in rounds)


class DamagedError(Exception):
    """A checkpoint is not what was written."""


def require_readable(states: Mapping[str, Any]) -> None:
    """Raises `PluginError` where a plugin's ``ctx.state`` would not come back from a checkpoint."""
    for plugin, state in states.items():
        packed = io.BytesIO()
        try:
            torch.save(state, packed)
            packed.seek(0)
            torch.load(packed, map_location="cpu", weights_only=True)
        except Exception as error:
            raise PluginError(
                f"plugin {plugin!r} keeps in ctx.state what a checkpoint can't hold; wanted tensors, "
                f"numbers, texts, and lists and dictionaries of those ({reason(error)[:120]})"
            ) from error


def packed(checkpoint: Checkpoint) -> bytes:
    """What a checkpoint's file holds: a line with the format and a checksum, then what torch saves."""
    assert checkpoint.origin is not None
    state = {
        "rounds": lines_of(checkpoint.rounds),
        "learner": dict(checkpoint.learner),
        "origin": checkpoint.origin.as_dict(),
        "note": checkpoint.note,
        "finished": checkpoint.finished,
    }
    return sealed(FORMAT, state)


def sealed(number: int, state: Any) -> bytes:
    """A line with the number of a format and a checksum, then what torch saves."""
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    return b"%s %d %s\n%s" % (MARK, number, hashlib.sha256(content).hexdigest().encode(), content)


def read_checkpoint(path: Path) -> Checkpoint:
    """What a checkpoint holds.

    Raises:
        FileNotFoundError: there is none.
        DamagedError: it is not what was written, or not a file.
        TrialError: another version of alframe wrote it.
    """
    try:
        head, _, content = read_bytes(path, MOST).partition(b"\n")
    except Unusable as reason:
        raise DamagedError(str(reason)) from reason
    if not head.startswith(MARK):
        raise DamagedError("it is cut off, or no checkpoint")
    number, _, checksum = head[len(MARK) :].strip().partition(b" ")
    if number.isdigit() and len(number) < 9 and int(number) not in (EARLIER, FORMAT):
        raise TrialError(
            f"checkpoint {path} has format {int(number)}, this alframe reads {FORMAT}; "
            "--force starts the trial anew"
        )
    if hashlib.sha256(content).hexdigest().encode() != checksum:
        raise DamagedError("its checksum differs")
    if is_too_deep(io.BytesIO(content)):
        raise DamagedError("its values are nested beyond all measure")
    try:
        state = loaded(io.BytesIO(content))
        return _checkpoint(state, is_earlier=int(number) == EARLIER)
    except Unusable as error:
        raise DamagedError(f"its records: {error}") from error
    except Exception as error:  # whatever a file can make torch raise: none of it is a checkpoint
        raise DamagedError("it does not hold what a checkpoint does") from error


def _checkpoint(state: Any, *, is_earlier: bool) -> Checkpoint:
    """The checkpoint of what torch loaded; raises anything where it is none."""
    learner = dict(state["learner"])
    fingerprint = learner.pop("data", "") if is_earlier else ""
    origin = None if is_earlier else Origin.of(state["origin"])
    note, finished = state["note"], state["finished"]
    if not (isinstance(note, str) and isinstance(finished, bool) and isinstance(fingerprint, str)):
        raise TypeError
    rounds = tuple(rounds_of(state["rounds"]))
    if not rounds:
        raise TypeError
    return Checkpoint(rounds, learner, origin, note, finished, fingerprint)
