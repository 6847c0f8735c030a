"""Which files of a data set are in the folder of data sets. Nothing here imports torch."""

from __future__ import annotations

from pathlib import Path


def on_disk(files: tuple[str, ...], folder: Path) -> tuple[str, int]:
    """How much of a data set is there.

    Args:
        files: the paths of its files in the folder; a packed copy, ``PATH.gz``, counts as well.
        folder: the folder of data sets.

    Returns:
        ``present``, ``part of it``, ``missing`` or, of what has no files of its own, ``-``; and its bytes.
    """
    if not files:
        return "-", 0
    both = [[path for path in (folder / file, folder / f"{file}.gz") if path.is_file()] for file in files]
    found = [paths[0] for paths in both if paths]
    state = "present" if len(found) == len(files) else "part of it" if found else "missing"
    return state, sum(path.stat().st_size for path in found)
