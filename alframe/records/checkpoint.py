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

FORMAT = 2


MARK = b"alframe checkpoint"  # begins the line before what torch saved: mark, format, checksum


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trial as it stands after a round.

    Attributes:
        rounds: every round so far.
        learner: the learner's ``state_dict``.
        data: tells the data set from a changed one.
        note: why the trial ended early, or "".
        finished: whether this was the last round.
    """

    rounds: tuple[Round, ...]
    learner: Mapping[str, Any]
    data: str = ""
    note: str = ""
    finished: bool = False


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
    state = {
        "rounds": lines_of(checkpoint.rounds),
        "learner": {**checkpoint.learner, "data": checkpoint.data},
        "note": checkpoint.note,
        "finished": checkpoint.finished,
    }
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    return b"%s %d %s\n%s" % (MARK, FORMAT, hashlib.sha256(content).hexdigest().encode(), content)


def read_checkpoint(path: Path) -> Checkpoint:
    """What a checkpoint holds.

    Raises:
        FileNotFoundError: there is none.
        DamagedError: it is not what was written.
        TrialError: another version of alframe wrote it.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedError(error.strerror) from error
    if not head.startswith(MARK):
        raise DamagedError("it is cut off, or no checkpoint")
    number, _, checksum = head[len(MARK) :].strip().partition(b" ")
    if number.isdigit() and int(number) != FORMAT:
        raise TrialError(
            f"checkpoint {path} has format {int(number)}, this alframe reads {FORMAT}; "
            "--force starts the trial anew"
        )
    if hashlib.sha256(content).hexdigest().encode() != checksum:
        raise DamagedError("its checksum differs")
    if is_too_deep(io.BytesIO(content)):
        raise DamagedError("its values are nested beyond all measure")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    learner: dict[str, Any] = state["learner"]
    data = learner.pop("data", "")
    rounds = tuple(Round.of(json.loads(line)) for line in state["rounds"].splitlines())
    return Checkpoint(rounds, learner, data, state["note"], state["finished"])
