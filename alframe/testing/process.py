"""What is set for the whole process, beside random states, and so for everybody's code in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch

# Each with what reads it and what sets it.
SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's deterministic mode": (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "the working directory": (os.getcwd, os.chdir),
}


def process_settings() -> dict[str, Any]:
    """The settings as they are."""
    return {name: read() for name, (read, _) in SETTINGS.items()}


@contextlib.contextmanager
def kept_settings() -> Iterator[None]:
    """Puts the settings back as they were after a block of code."""
    before = process_settings()
    try:
        yield
    finally:
        for name, value in process_settings().items():
            if value != before[name]:
                SETTINGS[name][1](before[name])
