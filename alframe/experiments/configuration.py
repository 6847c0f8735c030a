"""Configurations: a dictionary of sections, the same in a TOML file, in a preset and after ``-o``."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.contract.sections import SECTIONS
from alframe.errors import UsageError, one_line

Sections = dict[str, dict[str, Any]]


def sections_of(config: Any) -> Sections:
    """A configuration that is given in Python.

    Args:
        config: a dictionary of sections, the path of a TOML file, or None for none.

    Raises:
        UsageError: it is something else, or as `read_toml`.
    """
    if isinstance(config, str | os.PathLike):
        return read_toml(Path(config))
    sections = {} if config is None else config
    if not isinstance(sections, Mapping):
        raise UsageError(
            f"a configuration is a dictionary of sections or the path of a TOML file, got {config!r}"
        )
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise UsageError(
                f"configuration: {name!r} must be a section, a dictionary of options, got {section!r}; "
                f"there are {', '.join(SECTIONS)} and those of plugins"
            )
    return {name: dict(section) for name, section in sections.items()}


MOST = 16 << 20  # bytes of a file that somebody writes


def read_toml(path: Path) -> Sections:
    """Reads a configuration file.

    Raises:
        UsageError: it can't be read, is not TOML, or has a key outside a section.
    """
    try:
        with path.open("rb") as file:  # a pipe, too, as of a shell's <(...)
            read = file.read(MOST + 1)
        if len(read) > MOST:
            raise UsageError(f"configuration {path} has more than {MOST >> 20} MB; is it the right file?")
        content = tomllib.loads(read.decode())
    except OSError as error:
        raise UsageError(f"configuration {path} can't be read: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(f"configuration {path} can't be read: values are nested too deep") from error
    except ValueError as error:  # of TOML, of UTF-8, a number of thousands of digits, a path with a NUL
        raise UsageError(f"configuration {path} is not valid TOML: {one_line(error)}") from error
    for key, value in content.items():
        if not isinstance(value, dict):
            raise UsageError(
                f"configuration {path}: {key!r} stands outside a section; write it under "
                f"{', '.join(f'[{name}]' for name in SECTIONS)} or a plugin's name, as "
                "`alframe run --print-config` does"
            )
    return content


def merge(*layers: Mapping[str, Mapping[str, Any]]) -> Sections:
    """Lays configurations over one another; later ones win, key by key."""
    merged: Sections = {}
    for layer in layers:
        for name, section in layer.items():
            merged.setdefault(name, {}).update(section)
    return merged
