"""What a run depended on beside its settings: versions, machine, command line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

import torch

from alframe.registry import Plugin


def describe(device: torch.device, plugins: Iterable[Plugin]) -> dict[str, Any]:
    """Facts to write beside a trial.

    Args:
        device: where it runs.
        plugins: who serves its stages, data and network.
    """
    packages = ("alframe", "torchvision", "numpy", "scikit-learn", "pluggy")
    on_cuda = device.type == "cuda"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {"torch": torch.__version__} | {name: _version(name) for name in packages},
        "plugins": {plugin.key: plugin.version for plugin in plugins},
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if on_cuda else platform.processor(),
        "cuda": torch.version.cuda if on_cuda else None,
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "command": sys.argv,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
