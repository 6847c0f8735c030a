"""How far a trial is, from the ends of its files: never imports torch, and reads no network's weights."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

BLOCK = 1 << 20  # bytes read at once
FINISHED = (
    b"\x88u."  # how the pickle in a checkpoint ends, whose last entry is `finished`: true, end of table, end
)


def progress_of(folder: Path, rounds: int | None) -> tuple[int, bool]:
    """Rounds recorded, and whether the trial is finished.

    What is damaged counts as not there: whoever runs the trial finds out.

    Args:
        folder: the trial's.
        rounds: of the whole trial; None where nobody knows.
    """
    recorded = _lines(folder / "rounds.jsonl")
    if rounds is not None and recorded >= rounds:
        return recorded, True
    files = (folder / name for name in ("checkpoint.pt", "checkpoint-previous.pt"))
    last = next((file for file in files if file.exists()), None)
    return recorded, last is not None and _is_finished(last)


def _lines(file: Path) -> int:
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return 0
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        count = 0
        while block := os.read(descriptor, BLOCK):
            count += block.count(b"\n")
        return count
    except OSError:
        return 0
    finally:
        os.close(descriptor)


def _is_finished(checkpoint: Path) -> bool:
    """What a checkpoint says of it: a line, and then an archive of which the small part is read."""
    try:
        if not stat.S_ISREG(checkpoint.stat().st_mode):
            return False
        with zipfile.ZipFile(checkpoint) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            return archive.read(name).endswith(FINISHED)
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
