"""Who has a trial: whoever takes it says so in a file, and whoever had it before writes nothing more.

A lock may fail (a network file system without locks), and a lease may be over before its holder knows. The
fence holds all the same: a file is moved to its place only while the mark beside the trial is its holder's.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from alframe.errors import TrialError
from alframe.records.locking import InUseError
from alframe.records.reading import Unusable, read_bytes
from alframe.records.writing import NO_ROOM, replace

MOST_BYTES = 4096


class Fence:
    """Of a trial that this process has taken.

    Args:
        trial: its folder.
        content: what the file beside it says while nobody else has taken it.
        token: no other holder has the same.
    """

    def __init__(self, trial: Path, content: bytes, token: str) -> None:
        self._trial = trial
        self._file = generation_file(trial)
        self._content = content
        self._token = token
        self._stands = False

    @classmethod
    def raised(cls, trial: Path) -> Self:
        """Takes a trial: from now on its earlier holder writes nothing.

        What the earlier one was about to move to its place is removed; what it has moved is there to be read.

        A full disk is told of when something is to be written: a finished trial needs no room.

        Args:
            trial: its folder, which need not be there.

        Raises:
            OSError: the file can't be written.
        """
        token = secrets.token_hex(8)
        number = _number(generation_file(trial)) + 1
        content = f"{number} {token} process {os.getpid()} on {platform.node()}\n".encode()
        fence = cls(trial, content, token)
        try:
            fence._raise()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
        return fence

    def _raise(self) -> None:
        replace(self._file, lambda file: file.write(self._content), shared=True)
        self._stands = True
        for left in [*self._trial.glob("*.tmp")]:
            with contextlib.suppress(OSError):
                left.unlink()

    def check(self) -> None:
        """Makes sure that the trial is still this process's.

        Raises:
            TrialError: another process has taken it.
            OSError: there was no room to say that this one has it, and there is none.
        """
        if not self._stands:
            self._raise()
        try:
            found = read_bytes(self._file, MOST_BYTES)
        except FileNotFoundError as error:
            raise TrialError(f"{self._trial} was moved or removed; what was not written is lost") from error
        except Unusable as error:
            raise TrialError(f"{self._file}, which says who has the trial, can't be read: {error}") from error
        if found != self._content:
            by = " ".join(found.decode(errors="replace").split()[2:])[:200]
            raise TrialError(
                f"{self._trial}: another process took this trial over{f' ({by})' * bool(by)}; "
                "this one writes nothing more"
            ) from InUseError(by or "another process")

    def replace(self, path: Path, write: Callable[[IO[bytes]], Any]) -> None:
        """Writes a file of the trial as `alframe.records.writing.replace` does, if the trial is still ours.

        Args:
            path: the file.
            write: writes its content.

        Raises:
            TrialError: another process has taken the trial.
            OSError: the file can't be written.
        """
        if not self._stands:
            self._raise()
        try:
            replace(path, write, token=self._token, before=self.check)
        except OSError:
            with contextlib.suppress(OSError):
                self.check()  # whoever took it has removed what was to be moved
            raise


def generation_file(trial: Path) -> Path:
    """Where it is said who has a trial."""
    return trial.with_name(f".{trial.name}.generation")


def _number(file: Path) -> int:
    try:
        word = read_bytes(file, MOST_BYTES).partition(b" ")[0]
    except (FileNotFoundError, Unusable):
        return 0
    return int(word) if word.isdigit() and len(word) < 16 else 0
