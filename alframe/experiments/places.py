"""What tells data in files from others, wherever they lie: the same under another mount point are the same.

It is quick and reads nothing, so it is a hint: whether a trial's data are those of the trials beside it is
known once they are loaded; where they are not, the trial is refused.
"""

from __future__ import annotations

import collections
import hashlib
import os
from pathlib import Path

from alframe.records.origin import read_recorded
from alframe.records.reading import Unusable, read_table

MOST_FOLDERS = 1000  # of a folder, whose names are looked at


def mark_of(location: str, declared: str) -> str | None:
    """What stands for a location in what makes a setting: a file's size, the names of a folder's folders.

    Args:
        location: what follows the colon in ``npz:PATH`` or ``openml:ID``.
        declared: what must follow it, as the plugin says.

    Returns:
        None where nothing is there, or nobody knows what a location is to the plugin: then its place counts.
    """
    if not location:
        return ""
    path = Path(location)
    try:
        if "PATH" in declared and path.is_dir():
            return f"folder {_names(path)}"
        if "PATH" in declared and path.exists():
            return f"file {path.stat().st_size}"
    except OSError:
        return None
    return f"name {location}" if "NAME" in declared or "ID" in declared else None


def _names(folder: Path) -> str:
    """A hash of the names of the folders in a folder, upper ones first; who reads data may leave files."""
    found: list[str] = []
    waiting = collections.deque([folder])
    while waiting and len(found) < MOST_FOLDERS:
        with os.scandir(waiting.popleft()) as entries:
            inner = sorted(one.path for one in entries if one.is_dir() and not one.name.startswith("."))
        found += [os.path.relpath(path, folder) for path in inner]
        waiting.extend(map(Path, inner))
    text = "\n".join(found[:MOST_FOLDERS])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def setting_of_kind(folder: Path, beginning: str, kind: str) -> str | None:
    """The one setting that trials of a kind are in; None where there is none, or several.

    Args:
        folder: of the data set's runs.
        beginning: of the setting's name.
        kind: as `Origin.trial` has it.
    """
    found = [
        setting.name
        for setting in folder.glob("*")
        if setting.name.startswith(beginning) and _kind_of(setting) == kind
    ]
    return found[0] if len(found) == 1 else None


def has_other_data(setting: Path, content: str, location: str) -> bool:
    """Whether the trials of a setting are of other data that lie elsewhere, all of those that say so.

    Data that were changed where they are, as labels are corrected, are other data of the same place: trials
    that began with them are told apart one by one.

    Args:
        setting: its folder.
        content: what identifies the data.
        location: where they are.
    """
    told = False
    for folder in setting.glob("*/seed-*"):
        try:
            recorded = read_recorded(folder)
        except Unusable:
            continue
        if recorded is not None:
            if recorded.content == content:
                return False
            told |= not _was_at(folder, location)
    return told


def _was_at(trial: Path, location: str) -> bool:
    """Whether a trial's data were where others are now; relative paths are taken to be of this folder."""
    try:
        name = read_table(trial / "config.toml")["data"]["name"]
    except (FileNotFoundError, Unusable, KeyError, TypeError):
        return False
    return os.path.realpath(str(name).partition(":")[2]) == os.path.realpath(location)


def _kind_of(setting: Path) -> str | None:
    for folder in setting.glob("*/seed-*"):
        try:
            recorded = read_recorded(folder)
        except Unusable:
            continue
        if recorded is not None:
            return recorded.trial["kind"]
    return None
