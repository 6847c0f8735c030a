"""A checkpoint: what it holds, and how damage to it is found."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from alframe.errors import PluginError, TrialError, reason

FORMAT = 2


MARK = b"alframe checkpoint"  # begins the line before what torch saved: mark, format, checksum


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


def packed(state: Mapping[str, Any]) -> bytes:
    """What a checkpoint's file holds: a line with the format and a checksum, then what torch saves."""
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    return b"%s %d %s\n%s" % (MARK, FORMAT, hashlib.sha256(content).hexdigest().encode(), content)


def read_checkpoint(path: Path) -> dict[str, Any]:
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
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state
