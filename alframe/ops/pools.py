"""Threads of the libraries that are not torch's."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

import torch

LIBRARIES = ("sklearn", "xgboost", "lightgbm")


@contextlib.contextmanager
def few_threads() -> Iterator[None]:
    """Has scikit-learn, xgboost and lightgbm take as many threads as torch does, for a block of code.

    torch heeds ``--jobs`` and ``OMP_NUM_THREADS``; these have thread pools of their own.
    """
    loaded = tuple(name for name in LIBRARIES if name in sys.modules)
    if not loaded:
        yield
        return
    with _pools(loaded).limit(limits=torch.get_num_threads()):
        yield


@functools.cache
def _pools(loaded: tuple[str, ...]) -> Any:
    """The thread pools of the libraries that are loaded; to find them takes 10 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
