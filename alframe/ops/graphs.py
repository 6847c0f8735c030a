"""Work on a GPU that is captured in a CUDA graph, and repeated without Python.

See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import torch

KEPT_BYTES = 1 << 30  # memory that torch's cache may hold before and after a capture


class Recorder:
    """Captures work on a GPU. All graphs of one recorder share their memory: only one runs at a time.

    Args:
        device: the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Work in this block runs on the stream that is captured from, after and before all other work."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            yield
        current.wait_stream(self._stream)

    def random_state(self) -> Callable[[], None]:
        """What puts the device's random numbers back where they are now."""
        before = torch.cuda.get_rng_state(self._device)
        return lambda: torch.cuda.set_rng_state(before, self._device)

    def record(self, run: Callable[[], object]) -> Callable[[], None]:
        """Captures a function; returns what repeats its work.

        Not `torch.cuda.graph`: that empties torch's cache each time, and in some versions collects garbage.

        Args:
            run: has run on `apart`'s stream before.

        Raises:
            RuntimeError: it does what can't be captured; nothing was computed.
        """
        give_memory_back(self._device)
        graph = torch.cuda.CUDAGraph()
        before = torch.cuda.get_rng_state(self._device)
        try:
            with self.apart():
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    run()
                finally:
                    graph.capture_end()
        except BaseException:
            # dropout's generator may believe for ever that it is being captured
            fresh = torch.Generator(self._device)
            fresh.set_state(before)
            torch.cuda.default_generators[self._stream.device_index].graphsafe_set_state(fresh)
            raise
        return graph.replay


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all trainings of a process: cuBLAS keeps tens of megabytes for each stream, for ever."""
    return torch.cuda.Stream(device)


def give_memory_back(device: torch.device) -> None:
    """Empties torch's cache on a GPU where it is large: a graph's memory is another than that of other work.

    Args:
        device: any device.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        if held > KEPT_BYTES:
            torch.cuda.empty_cache()
