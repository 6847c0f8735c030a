"""Seconds that it takes to tell what a data set holds, once a run: the hash of all its bytes.

python benchmarks/hash.py
"""

from __future__ import annotations

import time

import torch

from alframe.data.dataset import Dataset, Normalize
from alframe.data.identity import identity

SETS = {  # samples, test samples, shape, whether they are bytes
    "digits": (1_438, 359, (64,), False),
    "MNIST": (60_000, 10_000, (1, 28, 28), True),
    "CIFAR-10": (50_000, 10_000, (3, 32, 32), True),
    "a gigabyte of bytes": (60_000, 11_335, (3, 70, 70), True),
    "a gigabyte of float32": (250_000, 18_435, (1_000,), False),
}


def made(samples: int, tests: int, shape: tuple[int, ...], as_bytes: bool) -> Dataset:
    """A data set of random values."""
    draw = torch.Generator().manual_seed(0)
    values = torch.randint(256, (samples + tests, *shape), generator=draw, dtype=torch.uint8)
    inputs = values if as_bytes else values.float()
    targets = torch.randint(10, (samples + tests,), generator=draw)
    transform = Normalize((0.5,) * shape[0], (0.25,) * shape[0]) if as_bytes else None
    return Dataset(
        "random",
        inputs[:samples],
        targets[:samples],
        10,
        inputs[samples:],
        targets[samples:],
        transform=transform,
    )


def main() -> None:
    print("| data set | MB | seconds |")
    print("|---|---|---|")
    for name, how in SETS.items():
        dataset = made(*how)
        assert dataset.test_inputs is not None
        size = dataset.inputs.nbytes + dataset.test_inputs.nbytes
        begun = time.perf_counter()
        identity(dataset)
        print(f"| {name} | {size / 1e6:,.0f} | {time.perf_counter() - begun:.3f} |")


if __name__ == "__main__":
    main()
