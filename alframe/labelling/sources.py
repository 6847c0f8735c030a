"""Where samples come from: which kind of source a path is, and the source itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alframe.contract.labelling import PICTURES, TEXTS, Source, SourceInfo, SourceRequest
from alframe.errors import UsageError
from alframe.labelling.settings import SessionSettings

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


def _images(request: SourceRequest) -> Source:
    from alframe.labelling.image_files import ImageFiles

    return ImageFiles(request.path, request.session)


def _texts(request: SourceRequest) -> Source:
    from alframe.labelling.text_rows import TextRows

    return TextRows(request.path, request.column)


SOURCES: Mapping[str, SourceInfo] = {
    "images": SourceInfo("a folder of images, at any depth", _images, lambda path: path.is_dir(), PICTURES),
    "texts": SourceInfo(
        "texts: a column of a .csv or .tsv, a field of a .jsonl, or the lines of a .txt",
        _texts,
        lambda path: path.suffix.lower() in TABLES and not path.is_dir(),
        TEXTS,
    ),
}


def kind_of(path: Path, named: str | None = None) -> str:
    """Which kind of source a path is. Plugins are looked up only where it is none of alframe's own.

    Args:
        path: a file or folder.
        named: the kind's name, where somebody says it.

    Raises:
        UsageError: there is nothing, nothing that could be labelled, or no such kind.
        PluginError: a plugin fails when it is asked.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    if named is not None:
        info_of(named)
        return named
    for name, info in SOURCES.items():
        if info.matches is not None and info.matches(path):
            return name
    from alframe.labelling.plugin_sources import kind_by_plugins

    found = kind_by_plugins(path)
    if found is None:
        raise UsageError(
            f"{path} can't be labelled: expected a folder of images, or a file of texts "
            f"({', '.join(TABLES)}); --kind names another kind of source, where a plugin has one"
        )
    return found


def info_of(kind: str) -> SourceInfo:
    """A kind of source by name, alframe's own or a plugin's.

    Raises:
        UsageError: there is no such kind.
        PluginError: a plugin fails when it is asked.
    """
    if kind in SOURCES:
        return SOURCES[kind]
    from alframe.labelling.plugin_sources import plugins_info

    return plugins_info(kind)


def open_source(settings: SessionSettings, folder: Path, info: SourceInfo | None = None) -> Source:
    """The source that the settings name.

    Args:
        settings: the session's.
        folder: the session's own, which is no part of the source.
        info: its kind, where it is known already.

    Raises:
        UsageError: there is no such source, or it can't be read.
        PluginError: a plugin's source fails.
    """
    request = SourceRequest(Path(settings.source), settings.text, folder)
    return (info or info_of(settings.kind)).open(request)
