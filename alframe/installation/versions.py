"""Versions of installed packages."""

from __future__ import annotations

from importlib import metadata


def installed_version(package: str) -> str | None:
    """The installed version of a package, or None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
