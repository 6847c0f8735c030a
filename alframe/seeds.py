"""Named random streams: everything random derives from one trial seed.

Streams are independent of each other and of the order in which they are used, so strategies that
share a seed share the split, the initial labelled set, the initial weights and the batches.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator

import torch

_global_state = threading.RLock()  # the state is the process's: one block of code at a time draws from it


def _free_in_child() -> None:
    """A process that was forked while another thread held the lock would wait for it for ever."""
    global _global_state
    _global_state = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream ``names`` of the trial ``seed``; the same on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for a stream. On the CPU always, so that picks do not depend on the device."""
    return torch.Generator().manual_seed(derive(seed, *names))


@contextlib.contextmanager
def global_stream(seed: int, *names: str | int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global state for a block of code that can't take a generator, then restores it.

    Layers draw their initial weights and dropout its masks from that state. Other threads wait with theirs
    for the end of the block; a block may stand in another one.
    """
    cuda = [device] if device is not None and device.type == "cuda" else []
    with _global_state, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(
            derive(seed, *names)
        )  # not torch.manual_seed: it seeds all devices
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(derive(seed, *names))
        yield
