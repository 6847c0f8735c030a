"""What a piece of work costs: seconds and peak memory."""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclasses.dataclass
class Cost:
    """Filled in when the measured block ends.

    Attributes:
        seconds: wall-clock time.
        peak_memory: largest memory in use during the block, in bytes: what torch allocated on a CUDA
            device, or the whole process's resident memory on the CPU.
    """

    seconds: float = 0.0
    peak_memory: int = 0


@contextlib.contextmanager
def measured(device: torch.device) -> Iterator[Cost]:
    """Measures the block it surrounds."""
    cost = Cost()
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _reset_process_peak()
    start = time.perf_counter()
    yield cost
    if on_cuda:
        torch.cuda.synchronize(device)
    cost.seconds = time.perf_counter() - start
    cost.peak_memory = torch.cuda.max_memory_allocated(device) if on_cuda else _process_peak()


def _reset_process_peak() -> None:
    # Linux keeps one high-water mark a process; writing 5 lowers it to the present. Elsewhere the mark
    # of the whole process is reported.
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")


def _process_peak() -> int:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
