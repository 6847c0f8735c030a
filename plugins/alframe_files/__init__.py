"""One's own data from a file: ``npz:PATH``, ``csv:PATH``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, TableOptions, hookimpl, option

if TYPE_CHECKING:
    from alframe import Dataset


def load_npz(request: DataRequest) -> Dataset:
    """Arrays ``x_train, y_train`` and, if there are any, ``x_test, y_test``."""
    from alframe_files._npz import load

    return load(request.location)


@dataclasses.dataclass(frozen=True)
class CsvOptions(TableOptions):
    """Options of a table in a file."""

    separator: str | None = option(
        None,
        "what parts fields: comma, semicolon, tab, pipe, space or a character; none: it is found out",
    )
    encoding: str | None = option(None, "of the letters, as utf-8 or cp1252; none: it is found out")


def load_csv(request: DataRequest) -> Dataset:
    """A table with a line of headings; its column ``target`` holds the classes."""
    from alframe_files._csv import load

    return load(request.location, request.options)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="one's own data from a file: npz:PATH, csv:PATH")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the file formats."""
    return {
        "npz": DatasetInfo(
            summary="NumPy arrays x_train, y_train, x_test, y_test; without a test part, one is split off",
            load=load_npz,
            location="PATH",
        ),
        "csv": DatasetInfo(
            summary="a table of numbers and categories; -o data.target= names the column of classes",
            load=load_csv,
            location="PATH",
            options=CsvOptions,
        ),
    }
