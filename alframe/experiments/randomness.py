"""The global random states of torch, numpy and Python."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


class OwnRandomness:
    """Random states of a trial's own, which stay as it left them from one block of code to the next.

    Args:
        seed: what all three begin with.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._left: tuple[Any, ...] | None = None

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Puts them in for a block of code, and afterwards the states that were there."""
        outside = _states()
        if self._left is None:
            torch.default_generator.manual_seed(self._seed)  # not torch.manual_seed: it seeds all devices
            np.random.seed(self._seed % 2**32)  # noqa: NPY002 (what is guarded)
            random.seed(self._seed)
        else:
            _put(self._left)
        try:
            yield
        finally:
            self._left = _states()
            _put(outside)


def random_state(seed: int) -> contextlib.AbstractContextManager[None]:
    """Seeds all three for a block of code, and puts them back as they were."""
    return OwnRandomness(seed).entered()


def _states() -> tuple[Any, ...]:
    return torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002


def _put(states: tuple[Any, ...]) -> None:
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    random.setstate(states[2])


def random_states() -> dict[str, Any]:
    """The three states as plain values that can be compared."""
    kept: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002
    numbers = kept["state"]["key"].tolist()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (numbers, kept["state"]["pos"], kept["has_gauss"], kept["gauss"]),
        "random": random.getstate(),
    }
