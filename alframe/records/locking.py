"""One process at a time: a lock that ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path

import filelock

from alframe.records.writing import replace

LONGEST_LINE = 200
LOCK_SECONDS = 1  # time to die for a worker whose parent was killed


class InUseError(Exception):
    """Another process has it; the message says which."""


@contextlib.contextmanager
def locked(lock: Path, owner: Path) -> Iterator[None]:
    """Keeps other processes out.

    Args:
        lock: the file that is locked; it stays.
        owner: the file that says who has it, removed at the end.

    Raises:
        InUseError: another process has it.
        OSError: the files can't be written.
    """
    held = filelock.FileLock(lock, timeout=LOCK_SECONDS, thread_local=False)
    try:
        if lock.is_symlink():  # never of ours; filelock empties the file that it leads to, or refuses
            lock.unlink()
        held.acquire()
    except filelock.Timeout as error:
        raise InUseError(_first_line(owner) or "another process") from error
    try:
        with contextlib.suppress(OSError):  # the lock holds without it
            text = f"process {os.getpid()} on {platform.node()}\n"
            replace(owner, lambda file: file.write(text.encode()))
        yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink(missing_ok=True)
        held.release()


def _first_line(path: Path) -> str:
    """Of a small file; "" where there is none, or a link or a pipe in its place."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.readline(LONGEST_LINE).strip()
    except OSError:
        pass
    return ""
