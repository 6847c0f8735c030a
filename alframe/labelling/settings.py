"""What a session was started with: ``session.toml``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w

from alframe.errors import UsageError, one_line
from alframe.labelling.classes import checked_name
from alframe.records.reading import Unusable, read_table
from alframe.records.writing import replace, unwritable

FILE = "session.toml"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class SessionSettings:
    """What a session was started with.

    Args:
        source: folder of images, or file of texts.
        kind: "images", "texts" or what a plugin calls its kind of source.
        text: column of the texts, where the source is a table.
        classes: names of the classes to begin with; more can come later.
        strategy: what chooses samples.
        model: the network, as ``--model`` names it.
        seed: draws the audit, the overlap and random orders.
        audit: samples kept apart to estimate the accuracy, at most a tenth of all.
        audit_by: "random", or "active": those that the model is likely to be wrong about come more often.
        overlap: share of the samples that two people see.
        people: who labels.

    Raises:
        UsageError: a value that can't be.
    """

    source: str
    kind: str = "images"
    text: str | None = None
    classes: tuple[str, ...] = ()
    strategy: str = "badge"
    model: str = "auto"
    seed: int = 0
    audit: int = 100
    audit_by: Literal["random", "active"] = "random"
    overlap: float = 0.0
    people: tuple[str, ...] = ("me",)

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 0 <= self.overlap <= 1:
            raise UsageError(f"overlap: expected a share of 0 to 1, got {self.overlap}")
        if self.audit < 0:
            raise UsageError(f"audit: expected a number of samples, 0 or more, got {self.audit}")
        names = tuple(checked_name(name) for name in self.classes)
        _require_distinct("classes", names)
        object.__setattr__(self, "classes", names)
        if not self.people or not all(name.strip() for name in self.people):
            raise UsageError("people: expected at least one name, and none that is empty")
        _require_distinct("people", self.people)


def _require_distinct(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{what}: {name!r} is there twice; name each once")


def write_settings(folder: Path, settings: SessionSettings, audit: Sequence[int]) -> None:
    """Writes ``session.toml``, whole or not at all.

    Args:
        folder: the session's.
        settings: what to write. A source beside the folder is written relative to it, so that both can move.
        audit: positions of the audit samples, which are drawn once.

    Raises:
        AlframeError: it can't be written.
    """
    source = Path(os.path.abspath(settings.source))
    if source.parent == folder.resolve().parent:
        source = Path("..", source.name)
    table = {name: value for name, value in dataclasses.asdict(settings).items() if value is not None}
    table |= {"version": VERSION, "source": str(source), "audit_samples": list(audit)}
    try:
        replace(folder / FILE, lambda file: tomli_w.dump(table, file))
    except OSError as error:
        raise unwritable(folder, error) from error
    except UnicodeEncodeError as error:
        raise UsageError(f"the name of {source!r} is no text; rename it") from error


def read_settings(folder: Path) -> tuple[SessionSettings, tuple[int, ...]]:
    """What `write_settings` wrote; the source as an absolute path.

    Raises:
        UsageError: the folder is no session's, or the file was damaged.
    """
    path = folder / FILE
    try:
        table: dict[str, Any] = read_table(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is no session: it has no {FILE}; `alframe label PATH` starts one"
        ) from error
    except Unusable as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    if table.pop("version", VERSION) != VERSION:
        raise UsageError(f"{path} was written by a later alframe; install that")
    try:
        audit = msgspec.convert(table.pop("audit_samples", []), tuple[int, ...])
        unknown = set(table) - {field.name for field in dataclasses.fields(SessionSettings)}
        if unknown:
            raise UsageError(f"there is no setting {', '.join(sorted(unknown))}")
        settings = msgspec.convert(table, SessionSettings)
    except (msgspec.ValidationError, UsageError) as error:
        raise UsageError(f"{path}: {one_line(error)}") from error
    source = os.path.abspath(folder.resolve() / settings.source)
    return dataclasses.replace(settings, source=source), audit
