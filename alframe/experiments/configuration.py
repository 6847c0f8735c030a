"""Configurations: a dictionary of sections, the same in a TOML file, in a preset and after ``-o``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.errors import UsageError

Sections = dict[str, dict[str, Any]]


def read_toml(path: Path) -> Sections:
    """Reads a configuration file.

    Raises:
        UsageError: it can't be read, is not TOML, or has a key outside a section.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"configuration {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"configuration {path} is not valid TOML: {error}") from error
    for key, value in content.items():
        if not isinstance(value, dict):
            raise UsageError(
                f"configuration {path}: {key!r} stands outside a section; write it under [run], [data], "
                "[model], [train], [stages], [stop] or a plugin's name, as `alframe run --print-config` does"
            )
    return content


def merge(*layers: Mapping[str, Mapping[str, Any]]) -> Sections:
    """Lays configurations over one another; later ones win, key by key."""
    merged: Sections = {}
    for layer in layers:
        for name, section in layer.items():
            merged.setdefault(name, {}).update(section)
    return merged
