"""The journal: every event of a session, on disk before anybody is told that it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.errors import AlframeError, UsageError
from alframe.labelling.events import Event, NotAnEventError, decode, encode, made
from alframe.records.reading import Unusable, read_bytes
from alframe.records.writing import NO_ROOM

NAMED = 5  # bad lines named, a note each; the rest are counted


class JournalError(AlframeError):
    """The event could not be written; the journal is as it was before."""


class JournalFullError(JournalError):
    """There is no room on the disk; the journal is as it was before."""


class Journal:
    """The events of a session, in a file of one line each that is only ever appended to.

    Whatever a killed program has left of a last line is cut off, and said. A line that is no event, as after
    an edit by hand, is named, stays in the file and is not counted.

    Args:
        path: the file; made with the first event.
        read_only: for who only looks: the file is neither mended nor appended to.

    Attributes:
        path: the file.
        events: in the order of their numbers.
        notes: what was cut off or left out.

    Raises:
        UsageError: the file can't be read or mended.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.events: list[Event] = []
        self.notes: list[str] = []
        self._read_only = read_only
        self._file: Any = None
        self._size = 0  # bytes of whole lines; what lies beyond is to be cut off
        self._is_torn = False
        self._read()

    def append(self, fields: Mapping[str, Any]) -> Event:
        """Writes an event, and returns when it is on disk.

        Args:
            fields: those of `Event` but its number; without ``at`` it is now.

        Raises:
            JournalFullError: there is no room; the file is as it was.
            JournalError: it can't be written for another reason; the file is as it was.
            NotAnEventError: a field has the wrong type.
        """
        return self.extend([fields])[0]

    def extend(self, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
        """Writes several events: all of them are on disk when it returns, or none. As `append`."""
        first = self.events[-1].n + 1 if self.events else 1
        new = [made(first + offset, fields) for offset, fields in enumerate(rows)]
        try:
            self._write(b"".join(map(encode, new)))
        except OSError as error:
            message = f"{self.path} can't be written to: {error.strerror}; what was written before stays"
            raise (JournalFullError if error.errno in NO_ROOM else JournalError)(message) from error
        self.events += new
        return new

    def close(self) -> None:
        """Lets go of the file; another `append` takes it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> None:
        try:
            content = read_bytes(self.path)
        except FileNotFoundError:
            return
        except Unusable as error:
            raise UsageError(f"{self.path} can't be read: {error}") from error
        end = content.rfind(b"\n") + 1
        lines, rest = content[:end].split(b"\n")[:-1], content[end:]
        self._size = end
        if rest:
            self._mend(lines, rest)
        self._take(lines)

    def _mend(self, lines: list[bytes], rest: bytes) -> None:
        """A last line without its end: whole where only the end is missing, as some editors leave it."""
        try:
            decode(rest)
        except NotAnEventError:
            if self._read_only:
                return  # perhaps it is being written just now
            self.notes.append(f"{self.path}: the last line was not written to its end; it is cut off")
            self._is_torn = True
        else:
            lines.append(rest)
            if self._read_only:
                return
        try:
            if self._is_torn:
                self._cut()
            else:
                self._size += len(rest)
                self._write(b"\n")
        except OSError as error:
            raise UsageError(f"{self.path} can't be written to: {error.strerror}") from error

    def _take(self, lines: Sequence[bytes]) -> None:
        bad: list[str] = []
        known: dict[int, Event] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                event = decode(line)
                if event.n in known:
                    raise NotAnEventError(f"its number {event.n} is that of an earlier line")
                known[event.n] = event
            except NotAnEventError as error:
                bad.append(f"{self.path}, line {number} is left out: {error}")
        self.events = [known[n] for n in sorted(known)]
        self.notes += bad[:NAMED]
        if len(bad) > NAMED:
            self.notes.append(f"{self.path}: {len(bad) - NAMED:,} more lines are left out")

    def _open(self) -> None:
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - as long as the journal
        if is_new:
            with contextlib.suppress(OSError):  # not every system can; the name is written all the same
                _sync_folder(self.path.parent)

    def _write(self, content: bytes) -> None:
        """All of it, at the end of the whole lines, or nothing.

        Raises:
            OSError: it can't be written; the file has been cut back, or is before anything else is written.
        """
        if self._read_only:
            raise RuntimeError("the journal was opened to be read")
        if self._file is None:
            self._open()
        if self._is_torn:
            self._cut()
        self._require_own()
        try:
            self._file.seek(self._size)
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._is_torn = True
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self._size += len(content)

    def _cut(self) -> None:
        if self._file is None:
            self._open()
        os.ftruncate(self._file.fileno(), self._size)
        self._is_torn = False

    def _require_own(self) -> None:
        """What another program has put in the file's place, or added to it, must not be written over."""
        mine = os.fstat(self._file.fileno())
        try:
            theirs = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            theirs = None
        if theirs is None or not os.path.samestat(mine, theirs) or mine.st_size != self._size:
            raise JournalError(
                f"{self.path} was changed by another program while the session is open; start it again"
            )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
