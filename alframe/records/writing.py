"""Files that are written whole or not at all, and what is said where that can't be."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from alframe.errors import AlframeError, TrialError, UsageError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def require_writable(folder: Path) -> None:
    """Raises `UsageError` unless files can be made in ``folder``, which is made if need be."""
    probe = folder / f".alframe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"alframe")  # a full disk takes a file, but nothing into it
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"output folder {folder} can't be written to: {error.strerror}; choose another with --out"
        ) from error


def unwritable(path: Path, error: OSError) -> AlframeError:
    """A full disk is the trial's failure, as there may be room later; else it is the wrong folder."""
    message = f"folder {path} can't be written to: {error.strerror}"
    if error.errno in NO_ROOM:
        return TrialError(
            f"{message}; what was written stays, and the same command goes on when there is room"
        )
    return UsageError(message)


def replace(path: Path, write: Callable[[IO[bytes]], Any], *, shared: bool = False) -> None:
    """Writes a file beside ``path`` and moves it there when it is wholly on disk.

    Args:
        path: the file.
        write: writes its content.
        shared: whether another process may write the same file at the same time.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp" if shared else f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # half a file would take up room
            temporary.unlink(missing_ok=True)
        raise
