"""What a run depended on beside its settings: versions, machine, command line."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from alframe.installation.commit import commit_of
from alframe.installation.versions import installed_version
from alframe.registry.plugin import Plugin


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
        "packages": {"torch": torch.__version__} | {name: installed_version(name) for name in packages},
        "code": _code(sys.modules["alframe"]),
        "plugins": {plugin.key: _plugin(plugin) for plugin in plugins},
        "git": _git_commit(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if on_cuda else platform.processor(),
        "cuda": torch.version.cuda if on_cuda else None,
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "command": sys.argv,
    }


def changed_code(recorded: Mapping[str, Any], plugins: Iterable[Plugin]) -> list[Plugin]:
    """The plugins whose code is not what an ``environment.json`` says.

    Args:
        recorded: its content; a plugin that it does not name has not changed.
        plugins: who serves now.
    """
    before = recorded.get("plugins", {})
    return [
        plugin
        for plugin in dict.fromkeys(plugins)
        if plugin.key in before and before[plugin.key].get("code") != _code(plugin.module)
    ]


def _plugin(plugin: Plugin) -> dict[str, Any]:
    facts = {"version": plugin.version, "code": _code(plugin.module)}
    return facts | ({"file": str(plugin.path)} if plugin.path else {})


@functools.cache
def _code(module: Any) -> str | None:
    """A hash of a module's source files, or None where it has none."""
    if not isinstance(module, ModuleType) or not module.__file__:
        return None
    path = Path(module.__file__)
    files = sorted(path.parent.rglob("*.py")) if hasattr(module, "__path__") else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path.parent)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def _git_commit() -> str | None:
    """The commit of the repository that the program was started in."""
    with contextlib.suppress(OSError):  # the folder may be gone
        return commit_of(Path.cwd())
    return None
