"""Named random streams: everything random derives from one trial seed.

Streams are independent of each other and of the order in which they are used, so strategies that
share a seed share the split, the initial labelled set, the initial weights and the batches.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch


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

    Layers draw their initial weights and dropout its masks from that state.
    """
    cuda = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(
            derive(seed, *names)
        )  # not torch.manual_seed: it seeds all devices
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(derive(seed, *names))
        yield
