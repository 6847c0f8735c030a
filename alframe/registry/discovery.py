"""Which plugins the installed distributions name, damaged distributions among them."""

from __future__ import annotations

import functools
from importlib import metadata

from alframe.errors import reason


def entry_points(group: str) -> tuple[list[metadata.EntryPoint], list[tuple[str, str]]]:
    """The entry points of a group, and the name and problem of distributions that can't be read.

    Args:
        group: the group's name, as "alframe".
    """
    try:
        return list(metadata.entry_points(group=group)), []
    except Exception:  # a damaged distribution spoils that for all, so they are asked one by one
        found: dict[str, list[metadata.EntryPoint]] = {}
        damaged = []
        for distribution in metadata.distributions():
            name = _name(distribution)
            try:
                if name not in found:  # the first on the path is the one that is imported
                    found[name] = list(distribution.entry_points.select(group=group))
            except Exception as error:
                damaged.append((name, f"its entry_points.txt can't be read: {reason(error)}"))
        return [entry for entries in found.values() for entry in entries], damaged


def source(entry: metadata.EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that an entry point comes from."""
    return ("local", "") if entry.dist is None else _described(entry.dist)


@functools.lru_cache(maxsize=16)  # to read METADATA for each of its entry points takes most of a start
def _described(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        return _name(distribution), distribution.version or ""
    except Exception:  # no METADATA
        return _name(distribution), ""


def _name(distribution: metadata.Distribution) -> str:
    try:
        if name := distribution.name:
            return name
    except Exception:  # no METADATA; its folder has a name all the same
        pass
    folder = getattr(distribution, "_path", None)
    return folder.name.removesuffix(".dist-info") if folder else "a distribution without a name"
