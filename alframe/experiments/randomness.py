"""The global random states of torch, numpy and Python."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def random_state(seed: int) -> Iterator[None]:
    """Seeds all three for a block of code, and puts them back as they were."""
    saved = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002 (what is guarded)
    torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it seeds all devices
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(saved[0])
        np.random.set_state(saved[1])  # noqa: NPY002
        random.setstate(saved[2])


def random_states() -> dict[str, Any]:
    """The three states as plain values that can be compared."""
    kept: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002
    numbers = kept["state"]["key"].tolist()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (numbers, kept["state"]["pos"], kept["has_gauss"], kept["gauss"]),
        "random": random.getstate(),
    }
