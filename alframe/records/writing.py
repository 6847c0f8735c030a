"""Files that are written whole or not at all, and what is said where that can't be."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from alframe.errors import AlframeError, TrialError, UsageError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LEFT_BEHIND = 3600  # seconds without a byte more, after which whoever wrote a temporary file is dead


def require_writable(folder: Path) -> None:
    """Raises `UsageError` unless files can be made in ``folder``, which is made if need be."""
    probe = folder / f".alframe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            replace(
                probe, lambda file: file.write(b"alframe")
            )  # a full disk takes a file, but nothing into it
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


def replace(
    path: Path,
    write: Callable[[IO[bytes]], Any],
    *,
    shared: bool = False,
    token: str = "",
    before: Callable[[], None] = lambda: None,
) -> None:
    """Writes a file beside ``path`` and moves it there when it is wholly on disk.

    No link is followed, neither in the place of the file nor of the one beside it. A file that is replaced
    leaves its mode.

    Args:
        path: the file.
        write: writes its content.
        shared: whether another process may write the same file at the same time.
        token: whose the file beside it is, in its name.
        before: called when all is on disk but the move; what it raises prevents that.
    """
    token = secrets.token_hex(8) if shared else token
    middle = f".{token}" if token else ""
    temporary = path.with_name(f"{path.name}{middle}.tmp")
    temporary.unlink(missing_ok=True)  # of a run that was killed, or a link
    try:
        with temporary.open("xb") as file:  # makes it anew, or fails
            with contextlib.suppress(FileNotFoundError):
                old = path.lstat().st_mode
                if stat.S_ISREG(old):
                    os.fchmod(file.fileno(), stat.S_IMODE(old))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        before()
        temporary.replace(path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        with contextlib.suppress(OSError):  # half a file would take up room
            temporary.unlink(missing_ok=True)
        raise
    if shared:
        _remove_left_behind(path)


def _remove_left_behind(path: Path) -> None:
    """Removes what processes that were killed have left beside ``path``, which was just written."""
    with contextlib.suppress(OSError):
        now = path.stat().st_mtime  # by the clock of the disk, which may be another machine's
        for other in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
            if other.lstat().st_mtime < now - LEFT_BEHIND:
                other.unlink(missing_ok=True)
