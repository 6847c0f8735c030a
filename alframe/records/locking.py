"""One process at a time: a lock that ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import filelock

from alframe.records.writing import replace

LONGEST_LINE = 200
LOCK_SECONDS = 1  # time to die for a worker whose parent was killed


class InUseError(Exception):
    """Another process has it; the message says which.

    Attributes:
        is_elsewhere: whether that may be one of another machine, of which nobody knows whether it lives.
    """

    is_elsewhere = False


class SecondGuard(Protocol):
    """What keeps processes out that the lock does not."""

    def acquire(self, owner: str) -> None:
        """Takes it, or raises `InUseError`; ``owner`` says who seems to have it."""
        ...

    def release(self) -> None:
        """Lets it go."""
        ...


@contextlib.contextmanager
def locked(lock: Path, owner: Path, second: SecondGuard | None = None) -> Iterator[None]:
    """Keeps other processes out.

    Args:
        lock: the file that is locked; it stays.
        owner: the file that says who has it, removed at the end.
        second: is taken as well, where there is one.

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
        line = _first_line(owner)
        in_use = InUseError(line or "another process")
        in_use.is_elsewhere = bool(line) and not line.endswith(f" on {platform.node()}")
        raise in_use from error
    text = f"process {os.getpid()} on {platform.node()}"
    with contextlib.ExitStack() as stack:
        stack.callback(held.release)
        if second is not None:
            second.acquire(_first_line(owner) or "another process")
            stack.callback(second.release)
        with contextlib.suppress(OSError):  # the lock holds without it
            replace(owner, lambda file: file.write(f"{text}\n".encode()))
        try:
            yield
        finally:
            if _first_line(owner) in ("", text):  # not of one who took it over
                with contextlib.suppress(OSError):
                    owner.unlink(missing_ok=True)


def _first_line(path: Path) -> str:
    """Of a small file; "" where there is none, or a link or a pipe in its place."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.readline(LONGEST_LINE).strip()
    except OSError:
        pass
    return ""
