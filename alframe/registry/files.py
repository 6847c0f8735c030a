"""Plugins that are a file and nothing else: no distribution, no installation."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from alframe.errors import UsageError

VARIABLE = "ALFRAME_PLUGINS"  # files that every command loads, separated as in PATH
KINDS = ("strategy", "dataset", "model", "trainer", "events")
_PREFIX = re.compile(rf"alframe_(?:(?:{'|'.join(KINDS)})_)?")


def name_of(path: Path) -> str:
    """The plugin's name: the file's without ``alframe_strategy_`` and the like, hyphens for underscores.

    Args:
        path: the file, or the folder that holds ``__init__.py``.

    Raises:
        UsageError: no name comes of it that could be typed.

    Example:
        >>> from pathlib import Path
        >>> name_of(Path("my_strategy.py")), name_of(Path("alframe_strategy_gini.py"))
        ('my-strategy', 'gini')
    """
    stem = path.stem if path.is_file() else path.name.removesuffix(".py")
    name = stem[match.end() :] if (match := _PREFIX.match(stem)) else stem
    name = name.replace("_", "-")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise UsageError(
            f"plugin {path}: the file's name is the plugin's, so it may hold letters, digits, - and _ alone"
        )
    return name


def load(path: Path) -> ModuleType:
    """Imports a file, or a folder with ``__init__.py``, whose modules may then be imported relatively.

    Raises:
        UsageError: there is no such file, or it is none of Python.
        Exception: whatever the file itself raises.
    """
    source = path / "__init__.py" if path.is_dir() else path
    if not source.exists():
        raise UsageError(f"plugin {path}: there is no {source.name} in {source.parent}")
    if source.suffix != ".py":
        raise UsageError(f"plugin {path}: wanted a file of Python, NAME.py, or a folder with __init__.py")
    # Unlike the stem alone this is no other module's name, and the same in every process.
    module_name = f"alframe_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_loader(
        module_name, _SourceLoader(module_name, str(source)), is_package=path.is_dir()
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if path.is_dir():
        module.__path__ = [str(path)]
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def from_environment() -> list[Path]:
    """The files that ``ALFRAME_PLUGINS`` names."""
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


class _SourceLoader(SourceFileLoader):
    """Reads the source each time: no ``__pycache__`` beside a user's file, and never an old version."""

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        return self.source_to_code(self.get_data(self.path), self.path)
