"""The guard beside the lock, for trials that several machines may run: a lease, which its holder renews.

Locks of a network file system may be none, or outlive a machine that died. A lease is a small file that says
who has a trial; whoever renews it no more has lost it. Two may hold one for a moment: `Fence` settles that.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import filelock

from alframe.records.locking import InUseError, locked

LEASE_SECONDS = 120.0  # without a sign, after which a holder's trial is free
MARGIN_SECONDS = 30.0  # that a wait may be longer
POLL_SECONDS = 1.0  # between two looks of who waits

Mark = tuple[int, int]  # of the lease's file: its number and time, another after each sign


class Patience:
    """How long to wait for trials that another machine has.

    Args:
        waits: whether to wait until the lease of a holder that gives no sign is over; else not at all.
    """

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self._seen: dict[Path, tuple[Mark | None, float]] = {}

    def is_over(self, lease: Path) -> bool:
        """Whether no more waiting is worth it: its holder lives, or time is up.

        Args:
            lease: the file.
        """
        now = time.monotonic()
        mark = _mark(lease)
        seen, since = self._seen.setdefault(lease, (mark, now))
        lives = mark is not None and mark != seen
        return not self.waits or lives or now - since > LEASE_SECONDS + MARGIN_SECONDS


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def patient(patience: Patience) -> Iterator[None]:
    """Trials that are taken inside the block are waited for; elsewhere nobody waits.

    Args:
        patience: how long.
    """
    token = _patience.set(patience)
    try:
        yield
    finally:
        _patience.reset(token)


class Lease:
    """A small file that its holder touches, by a thread of its own.

    Args:
        file: it; removed when it is let go.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lease = filelock.SoftFileLease(file, lease_duration=LEASE_SECONDS, thread_local=False)

    def acquire(self, owner: str) -> None:
        """Takes it.

        A file system that takes no such file ends no trial: the fence stands without it.

        Args:
            owner: who seems to have it.

        Raises:
            InUseError: another process has it.
        """
        with contextlib.suppress(OSError):
            if self._file.is_symlink():
                self._file.unlink()
            if (silent := self.silent) is not None and silent > LEASE_SECONDS:
                self._remove_dead()
        try:
            self._lease.acquire(timeout=0)
        except (filelock.Timeout, ValueError) as error:  # ValueError: of another duration
            silent = self.silent or 0.0
            left = max(0.0, LEASE_SECONDS - silent)
            in_use = InUseError(
                f"{owner}, whose last sign of life is {silent:.0f} s old; "
                f"the trial is free in {left:.0f} s if no other comes"
            )
            in_use.is_elsewhere = True
            raise in_use from error
        except OSError:
            pass

    def release(self) -> None:
        """Lets it go, unless another has it by now."""
        with contextlib.suppress(OSError):
            self._lease.release()

    @property
    def silent(self) -> float | None:
        """Seconds since its holder's last sign, by the disk's clock; None where nobody holds it or knows."""
        mark = _mark(self._file)
        probe = self._aside()
        try:
            if mark is None:
                return None
            with probe.open("xb") as file:
                now = os.fstat(file.fileno()).st_mtime_ns
            probe.unlink(missing_ok=True)
        except OSError:
            return None
        return max(0.0, (now - mark[1]) / 1e9)

    def _aside(self) -> Path:
        return self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}.tmp")

    def _remove_dead(self) -> None:
        """Removes the file of a holder that is dead, and of no one who took it since."""
        aside, mark = self._aside(), _mark(self._file)
        self._file.rename(aside)
        if _mark(aside) != mark:
            with contextlib.suppress(FileExistsError):
                os.link(aside, self._file)
        aside.unlink()


@contextlib.contextmanager
def taken(trial: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Keeps other processes from a trial, those of this machine by a lock, and others by a lease.

    Args:
        trial: its folder.
        note: told what is waited for, where `patient` has it that one waits.

    Raises:
        InUseError: another process has it.
        OSError: the files can't be written.
    """
    lock, owner, file = (trial.with_name(f".{trial.name}.{kind}") for kind in ("lock", "owner", "lease"))
    patience = _patience.get() or Patience(waits=False)
    lease = Lease(file)
    told = False
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(lock, owner, lease))
                break
            except InUseError as error:
                if not error.is_elsewhere or patience.is_over(file):
                    raise
                if not told:
                    note(f"{trial} is held by {error}; waits for that until {_end(lease)}")
                told = True
            time.sleep(min(POLL_SECONDS, LEASE_SECONDS / 10))
        yield


def _end(lease: Lease) -> str:
    """When a wait is over, as a clock shows it."""
    left = LEASE_SECONDS + MARGIN_SECONDS - (lease.silent or 0.0)
    return time.strftime("%H:%M:%S", time.localtime(time.time() + max(0.0, left)))


def _mark(file: Path) -> Mark | None:
    """Of a file that is opened, as a network file system would tell of an old one else."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        return found.st_ino, found.st_mtime_ns
    finally:
        os.close(descriptor)
