"""Formats that plugins offer, with whatever they get wrong named."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.contract.labelling import FormatInfo, Imported, Prediction
from alframe.errors import PluginError, UsageError, one_line
from alframe.labelling.events import ANSWERS
from alframe.labelling.formats.common import Collector
from alframe.records.writing import NO_ROOM, unwritable
from alframe.registry.blame import blamed
from alframe.registry.offers import FORMATS, Offer
from alframe.registry.registry import installed


def offered(name: str) -> FormatInfo:
    """A plugin's format by name, which is checked wherever it is used.

    Raises:
        UsageError: there is none, or two plugins have it.
        PluginError: a plugin failed when asked what it offers.
    """
    offer: Offer[FormatInfo] = installed().offers.named(FORMATS, name)
    info = offer.value

    def read(session: Any, path: Path) -> Imported:
        return _read(offer, session, path)

    def write(session: Any, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
        return _write(offer, session, path, predictions)

    return dataclasses.replace(info, read=read if info.read else None, write=write if info.write else None)


def _read(offer: Offer[FormatInfo], session: Any, path: Path) -> Imported:
    """What a file says, of the samples that the session has."""
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    assert offer.value.read is not None
    with blamed(offer, "read"):
        said = offer.value.read(session, path)
        if not isinstance(said, Imported):
            raise PluginError(f"wanted an Imported, got {said!r:.200}")
        found = Collector(session, path)
        for event in said.events:
            _add(found, event)
        notes = _lines(said.notes)
    whole = found.finish()
    return Imported(whole.events, [*notes, *whole.notes])


def _add(found: Collector, event: Any) -> None:
    known = dict(event) if isinstance(event, Mapping) else {}
    kind, sample = known.get("event", "label"), known.get("sample")
    if kind not in ANSWERS or not isinstance(sample, str) or (kind == "label" and "label" not in known):
        raise PluginError(f"wanted events with sample and label, each a text, got {event!r:.200}")
    more = {name: known.get(name) for name in ("by", "at", "seconds")}
    try:
        found.add(sample, known.get("label"), event=kind, **more)
    except UsageError as error:
        raise PluginError(f"{event!r:.200}: {one_line(error)}") from error


def _write(
    offer: Offer[FormatInfo], session: Any, path: Path, predictions: Mapping[int, Prediction] | None
) -> list[str]:
    """Writes beside the path and moves it there when it is whole: what is there stays if a plugin fails."""
    info = offer.value
    assert info.write is not None
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}")
    if path.exists() and (path.is_dir() if info.suffix else not path.is_dir() or any(path.iterdir())):
        wanted = "a file" if info.suffix else "a folder that is not there yet, or an empty one"
        raise UsageError(f"{path} is there already; --to {offer.name} writes {wanted}")
    middle = path.with_name(f".{path.stem}.part{path.suffix}")
    _remove(middle)
    try:
        with blamed(offer, "write"):
            notes = _lines(info.write(session, middle, predictions) or ())
            if not middle.exists():
                raise PluginError("it wrote nothing to the path that it was given")
        if path.is_dir():
            path.rmdir()
        middle.replace(path)
    except PluginError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in NO_ROOM:  # nobody's mistake
            raise unwritable(path.parent, cause) from error
        raise
    except OSError as error:
        raise unwritable(path.parent, error) from error
    finally:
        _remove(middle)
    return notes


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lines(notes: Any) -> list[str]:
    if isinstance(notes, str) or not isinstance(notes, Sequence):
        raise PluginError(f"wanted a list of notes, got {notes!r:.200}")
    return [str(note) for note in notes]
