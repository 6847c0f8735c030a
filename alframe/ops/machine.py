"""What the machine has, and what this process takes of it."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from pathlib import Path
from typing import Any

LOOKED_AFTER = 0.02  # seconds between two looks at the memory
_STATM = Path("/proc/self/statm")


def machine_memory() -> float:
    """Bytes of memory of this machine; infinity where the system does not say, as Windows does not."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def anonymous_memory() -> int:
    """Bytes of this process's resident memory that are no file's; 0 where the system is not Linux.

    What is mapped of a file is not among them: the system takes it back when it needs the memory.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        _, resident, of_files, *_ = map(int, _STATM.read_bytes().split())
        return (resident - of_files) * os.sysconf("SC_PAGE_SIZE")
    return 0


class PeakMemory:
    """The most `anonymous_memory` while a block of code runs, looked at every 20 ms by a thread.

    Attributes:
        largest: bytes; 0 where the system does not say.

    Example:
        >>> with PeakMemory() as peak:
        ...     held = bytearray(10**6)
        >>> peak.largest == 0 or peak.largest > 10**6
        True
    """

    def __init__(self) -> None:
        self.largest = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="alframe-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        """Begins to look."""
        self._look()
        if self.largest:
            self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        """Looks once more, and ends."""
        self._look()
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOKED_AFTER):
            self._look()

    def _look(self) -> None:
        self.largest = max(self.largest, anonymous_memory())
