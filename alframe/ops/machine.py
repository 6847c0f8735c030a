"""What the machine has."""

from __future__ import annotations

import math
import os


def machine_memory() -> float:
    """Bytes of memory of this machine; infinity where the system does not say, as Windows does not."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
