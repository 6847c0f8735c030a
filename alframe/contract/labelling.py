"""What plugins offer to ``alframe label``: kinds of sources and formats, and what these are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from alframe.errors import PluginError

ShownAs = Literal["images", "sounds", "texts"]
PICTURES, SOUNDS, TEXTS = get_args(ShownAs)


@dataclasses.dataclass(frozen=True)
class SourceRequest:
    """What is to be labelled.

    Args:
        path: the file or folder, as an absolute path.
        column: what ``--text`` names, or None.
        session: the session's folder, which is no part of the source.
    """

    path: Path
    column: str | None
    session: Path


@dataclasses.dataclass(frozen=True, slots=True)
class SourceItem:
    """What a source has.

    Args:
        id: what it is called there, the same at each look; of files their path below the source.
        size: in bytes, or any number that changes when the content does.
        digest: of the content; None where it takes a look into it.
    """

    id: str
    size: int = 0
    digest: str | None = None


@dataclasses.dataclass(frozen=True)
class SourceContent:
    """A sample as a page shows it: a file or a text, one of the two.

    Args:
        path: the file, where the sample is one.
        text: the text, where it is that.
        media_type: what to tell a browser of a file, as "image/png".
        in_browser: whether browsers can show a picture itself; else a JPEG is made of it by Pillow.
    """

    path: Path | None = None
    text: str | None = None
    media_type: str = "text/plain; charset=utf-8"
    in_browser: bool = True


class Source(Protocol):
    """A place that has samples. Of a plugin, `items` and `content` are enough."""

    @property
    def notes(self) -> Sequence[str]:
        """What was left out or guessed, a line each."""

    def items(self) -> Iterable[SourceItem]:
        """What there is now, always in the same order."""

    def digest(self, item: str) -> str:
        """SHA-256 of the content's first 64 KB; "" where it can't be read."""

    def content(self, item: str) -> SourceContent:
        """One of them, to be shown. Called from several threads.

        Raises:
            UsageError: it is gone, or is not to be shown.
        """


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """A kind of source.

    Args:
        summary: one line.
        open: makes the `Source` of a `SourceRequest`; raises `UsageError` where there is none.
        matches: whether a path looks like one; None where only ``--kind`` names it.
        shown_as: "images" or "sounds", which are files, or "texts".
        features: function of what ``open`` made and of ``N`` ids that gives ``N x D`` numbers for the model,
            a row a sample. It is called in the process that learns. A row of zeros, or with a number that is
            not finite, is of a sample that could not be read. None: images and texts are learned as such, and
            sounds are labelled without a model.

    Raises:
        PluginError: ``shown_as`` is something else.
    """

    summary: str
    open: Callable[[SourceRequest], Source]
    matches: Callable[[Path], bool] | None = None
    shown_as: ShownAs = "texts"
    features: Callable[[Any, Sequence[str]], Any] | None = None

    def __post_init__(self) -> None:
        """Checks how samples are shown."""
        if self.shown_as not in get_args(ShownAs):
            known = ", ".join(get_args(ShownAs))
            raise PluginError(f"shown_as must be one of {known}, got {self.shown_as!r}")

    @property
    def is_learnable(self) -> bool:
        """Whether a model can learn such samples."""
        return self.features is not None or self.shown_as != SOUNDS


class LabelledSession(Protocol):
    """A session, as formats and listeners see it.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @property
    def classes(self) -> Sequence[Any]:
        """The classes in order, each with ``name`` and ``key``."""

    @property
    def samples(self) -> Sequence[Any]:
        """The samples by position, each with ``position``, ``id`` and ``missing``."""

    def labels(self) -> Mapping[int, Any]:
        """The settled label of each position that has one, with ``label``, ``by`` and ``at``."""

    def skipped(self) -> set[int]:
        """Positions that were skipped."""

    def unsure(self) -> set[int]:
        """Positions of which somebody was not sure."""

    def content(self, position: int) -> SourceContent:
        """A sample, to be shown.

        Raises:
            UsageError: there is no such sample, or it is gone.
        """

    def position_of(self, name: str) -> int | None:
        """Position of the sample of this id; None where there is none."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the model says of a sample.

    Args:
        label: the most likely class.
        p: its probability.
        score: how much the sample is worth labelling; higher first.
        model: version of the model.
    """

    label: str
    p: float
    score: float
    model: int = 0


@dataclasses.dataclass(frozen=True)
class Imported:
    """What a file says.

    Args:
        events: a dictionary each: ``sample``, an id or the end of a path; ``label``, the class; where they
            are known ``by``, ``at`` and ``seconds``; ``event`` is "label" where it is not there, and may be
            "skip" or "unsure". What is of no sample here is left out and named; new classes are made.
        notes: what was left out, a line each.
    """

    events: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class FormatInfo:
    """A format of labels.

    Args:
        summary: one line.
        read: function of a `LabelledSession` and a path that gives what the file says, an `Imported`; None
            where it can't be read.
        write: function of a `LabelledSession`, a path and None that writes the labels and gives notes, a line
            each; None where it can't be written.
        suffix: of its files, as ".xml"; "" for a folder.
    """

    summary: str
    read: Callable[[Any, Path], Imported] | None = None
    write: Callable[[Any, Path, Mapping[int, Prediction] | None], Sequence[str]] | None = None
    suffix: str = ""
