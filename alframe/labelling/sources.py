"""Where samples come from: what a source is, and which one a path is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from alframe.errors import UsageError

if TYPE_CHECKING:
    from alframe.labelling.settings import SessionSettings

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@dataclasses.dataclass(frozen=True)
class Content:
    """A sample as a page shows it.

    Args:
        path: the file, where the sample is one.
        text: the text, where it is that.
        media_type: what to tell a browser.
        in_browser: whether browsers can show the file itself; else `Session.thumbnail` makes a picture of it.
    """

    path: Path | None
    text: str | None
    media_type: str
    in_browser: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """What a source has.

    Args:
        id: what it is called there, the same at each look.
        size: in bytes.
        digest: of the content; None where it takes a look into the file, see `Source.digest`.
    """

    id: str
    size: int
    digest: str | None = None


class Source(Protocol):
    """A place that has samples."""

    @property
    def notes(self) -> Sequence[str]:
        """What was left out or guessed, a line each."""

    def items(self) -> Iterable[Item]:
        """What there is now, always in the same order."""

    def digest(self, item: str) -> str:
        """SHA-256 of the content's first 64 KB; "" where it can't be read."""

    def content(self, item: str) -> Content:
        """One of them, to be shown.

        Raises:
            UsageError: it is gone, or is not to be shown.
        """


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """A kind of source.

    Args:
        summary: one line.
        open: makes the `Source` of the settings; raises `UsageError` where there is none.
        matches: whether a path looks like one.
    """

    summary: str
    open: Callable[[SessionSettings, Path], Source]
    matches: Callable[[Path], bool]


def _images(settings: SessionSettings, folder: Path) -> Source:
    from alframe.labelling.image_files import ImageFiles

    return ImageFiles(Path(settings.source), folder)


def _texts(settings: SessionSettings, folder: Path) -> Source:
    from alframe.labelling.text_rows import TextRows

    return TextRows(Path(settings.source), settings.text)


SOURCES: Mapping[str, SourceInfo] = {
    "images": SourceInfo("a folder of images, at any depth", _images, lambda path: path.is_dir()),
    "texts": SourceInfo(
        "texts: a column of a .csv or .tsv, a field of a .jsonl, or the lines of a .txt",
        _texts,
        lambda path: path.suffix.lower() in TABLES and not path.is_dir(),
    ),
}


def kind_of(path: Path) -> Literal["images", "texts"]:
    """Which kind of source a path is.

    Raises:
        UsageError: there is nothing, or nothing that could be labelled.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    found: Any = next((name for name, info in SOURCES.items() if info.matches(path)), None)
    if found is None:
        raise UsageError(
            f"{path} can't be labelled: expected a folder of images, or a file of texts ({', '.join(TABLES)})"
        )
    return found


def open_source(settings: SessionSettings, folder: Path) -> Source:
    """The source that the settings name.

    Args:
        settings: the session's.
        folder: the session's own, which is no part of the source.

    Raises:
        UsageError: there is no such source, or it can't be read.
    """
    return SOURCES[settings.kind].open(settings, folder)
