"""Images in folders, one folder a class: hard links, else copies."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alframe.contract.labelling import PICTURES, Imported, Prediction
from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector
from alframe.labelling.formats.matching import DIGESTED, Matcher
from alframe.labelling.image_files import LEFT_BEHIND, MEDIA_TYPES
from alframe.records.writing import unwritable

if TYPE_CHECKING:
    from alframe.labelling.session import Session

NAMED = 5
UNUSABLE = re.compile(r'[%/\\:*?"<>|]|^\.|[. ]$')  # in the names of folders, on one system or another


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Makes ``PATH/CLASS/file`` of the labelled images; paths below the source are kept below the classes.

    Args:
        session: whose labels.
        path: a folder that is not there yet, or is empty.
        predictions: not used.

    Raises:
        UsageError: the samples are texts, or the folder is not empty or can't be written.
        TrialError: the disk is full; nothing is left behind.
    """
    if session.shown_as != PICTURES:
        raise UsageError(f"imagefolder: the samples are {session.shown_as}; --to csv or jsonl writes these")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is there already; name a folder that is not, or an empty one")
    middle = path.with_name(f"{path.name}.tmp")
    try:
        shutil.rmtree(middle, ignore_errors=True)  # of an export that was killed
        middle.mkdir(parents=True)
        notes = _fill(session, middle)
        if path.exists():
            path.rmdir()
        middle.rename(path)
    except OSError as error:
        shutil.rmtree(middle, ignore_errors=True)
        raise unwritable(path, error) from error
    return notes


def read(session: Session, path: Path) -> Imported:
    """Reads ``PATH/CLASS/*``: a file is known by its path below its class, by its name, or by its content.

    Raises:
        UsageError: there is no such folder.
    """
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}")
    found = Collector(session, path)
    matcher = Matcher(session)
    for folder in sorted(path.iterdir()):
        if not folder.is_dir() or folder.name.startswith(".") or folder.name.lower() in LEFT_BEHIND:
            continue
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() not in MEDIA_TYPES or not file.is_file():
                continue
            label = urllib.parse.unquote(folder.name)
            name = os.fsencode(file.relative_to(folder)).decode("utf-8", "backslashreplace")
            same = matcher.by_digest(*_digest(file))
            known = session.position_of(name)
            if known is None and len(same) == 1:
                known = same[0]
            found.add(name, label, position=known)
    return found.finish()


def folder_name(label: str) -> str:
    """A class as the name of a folder, from which `urllib.parse.unquote` makes the class."""
    name = UNUSABLE.sub(lambda found: f"%{ord(found[0]):02X}", label)
    return f"%{ord(name[0]):02X}{name[1:]}" if name.lower() in LEFT_BEHIND else name


def _fill(session: Session, target: Path) -> list[str]:
    gone, renamed = [], {}
    for position, label in sorted(session.labels().items()):
        sample = session.samples[position]
        folder = folder_name(label.label)
        if folder != label.label:
            renamed[label.label] = folder
        try:
            source = session.content(position).path
        except UsageError:
            source = None
        if source is None:
            gone.append(sample.id)
            continue
        file = target / folder / sample.id
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, file)
        except OSError:  # another disk, or a system without hard links
            shutil.copyfile(source, file)
    notes = [f"class {label!r} is in folder {folder}" for label, folder in renamed.items()]
    if gone:
        more = f", ... ({len(gone):,} in all)" if len(gone) > NAMED else ""
        notes.append(f"labelled images that are gone are left out: {', '.join(gone[:NAMED])}{more}")
    return notes


def _digest(file: Path) -> tuple[str, int]:
    try:
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(DIGESTED)).hexdigest(), file.stat().st_size
    except OSError:
        return "", 0
