"""The formats by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.contract.labelling import FormatInfo, Imported, Prediction
from alframe.errors import UsageError

if TYPE_CHECKING:
    from alframe.labelling.session import Session

Read = Callable[[Any, Path], Imported]
Write = Callable[[Any, Path, Mapping[int, Prediction] | None], Sequence[str]]


def _lazy(module: str, does_read: bool = True) -> tuple[Read | None, Write]:
    """The functions of a module that is imported with the first call."""
    name = f"alframe.labelling.formats.{module}"

    def read(session: Session, path: Path) -> Imported:
        found: Imported = importlib.import_module(name).read(session, path)
        return found

    def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
        notes: list[str] = importlib.import_module(name).write(session, path, predictions)
        return notes

    return read if does_read else None, write


FORMATS: dict[str, FormatInfo] = {
    "csv": FormatInfo("a table: sample, label, by, at", *_lazy("csv"), ".csv"),
    "jsonl": FormatInfo("JSON lines of the same", *_lazy("jsonl"), ".jsonl"),
    "imagefolder": FormatInfo("a folder of images for each class", *_lazy("imagefolder"), ""),
    "coco": FormatInfo("COCO's JSON, without boxes", *_lazy("coco"), ".json"),
    "label-studio": FormatInfo("tasks of Label Studio", *_lazy("label_studio"), ".json"),
    "dataset": FormatInfo("arrays for `--dataset npz:PATH`", *_lazy("dataset", does_read=False), ".npz"),
}


def named(name: str) -> FormatInfo:
    """A format by name, alframe's own or a plugin's.

    Raises:
        UsageError: there is none.
        PluginError: a plugin fails when it is asked.
    """
    if name in FORMATS:
        return FORMATS[name]
    from alframe.labelling.formats.offered import offered

    return offered(name)


def writing(name: str) -> tuple[Write, str]:
    """The function that writes a format, and the suffix of its files.

    Raises:
        UsageError: there is no such format, or it can only be read.
        PluginError: a plugin fails when it is asked.
    """
    info = named(name)
    if info.write is None:
        raise UsageError(f"{name} can be read, but not written")
    return info.write, info.suffix


def import_labels(session: Session, path: Path, name: str | None = None) -> Imported:
    """Takes the labels of a file into a session.

    Args:
        session: an open one.
        path: the file or folder.
        name: the format; None to tell it by the path.

    Returns:
        What was taken in, and what was not.

    Raises:
        UsageError: the format is not known, or the file can't be used.
        PluginError: a plugin's format fails.
        JournalFullError: the disk is full; nothing was taken in.
    """
    info = named(name or _guess(path))
    if info.read is None:
        raise UsageError(f"{name} can be written, but not read")
    found = info.read(session, path)
    session.take(found.events)
    return found


def _guess(path: Path) -> str:
    if path.is_dir():
        return "imagefolder"
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    try:
        start = path.read_text("utf-8-sig", "replace")[:10_000] if path.is_file() else ""
    except OSError:
        start = ""
    if suffix == ".json":
        return "coco" if start.lstrip().startswith("{") else "label-studio"
    header = start.partition("\n")[0]
    return "label-studio" if "annotation_id" in header or "lead_time" in header else "csv"
