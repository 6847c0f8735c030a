"""Standard output and error, as code of plugins sees them."""

from __future__ import annotations

import io
from typing import TextIO


class KeptOpen(io.TextIOBase):
    """Writes to another stream, which stays open though this one is closed.

    Args:
        stream: the other; None, as in a program without a terminal, drops what is written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = io.StringIO() if stream is None else stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The other's."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Writes to the other."""
        return self._stream.write(text)

    def flush(self) -> None:
        """Flushes the other."""
        self._stream.flush()

    def fileno(self) -> int:
        """The other's."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the other is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Only flushes: who was handed the stream does not own it."""
        self.flush()
