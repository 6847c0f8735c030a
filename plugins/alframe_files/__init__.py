"""One's own data from a file: ``npz:PATH``, ``csv:PATH``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import DataOptions, DataRequest, DatasetInfo, PluginInfo, TableOptions, hookimpl, option

if TYPE_CHECKING:
    from alframe import Dataset


@dataclasses.dataclass(frozen=True)
class NpzOptions(DataOptions):
    """Options of arrays in a file: what they mean, where they leave it open."""

    channels: Literal["guess", "first", "last"] = option(
        "guess", "axis of n x a x b x c images that holds the channels; guess: by the shape", added=True
    )
    minus_one: Literal["guess", "unknown", "class"] = option(
        "guess",
        "what -1 means as a label; guess: unknown, beside two other classes and no negative one",
        added=True,
    )
    scale: Literal["guess", "keep", "standardise"] = option(
        "guess",
        "numbers but images of bytes, by column or channel; guess: kept, if 32 bits hold them",
        added=True,
    )


def load_npz(request: DataRequest) -> Dataset:
    """Arrays ``x_train, y_train`` and, if there are any, ``x_test, y_test``."""
    from alframe_files._npz import load

    return load(request.location, request.options)


def network_of_npz(location: str) -> str | None:
    """Rows of floating-point numbers are taken for features, for which a linear head is enough."""
    from alframe_files._arrays import shape_and_type

    shape, kind = shape_and_type(location, "x_train")
    return "linear" if len(shape) == 2 and kind == "f" else None


@dataclasses.dataclass(frozen=True)
class CsvOptions(TableOptions):
    """Options of a table in a file."""

    separator: str | None = option(
        None,
        "what parts fields: comma, semicolon, tab, pipe, space or a character; none: it is found out",
        added=True,
    )
    encoding: str | None = option(
        None, "of the letters, as utf-8 or cp1252; none: it is found out", added=True
    )


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
            options=NpzOptions,
            network=network_of_npz,
        ),
        "csv": DatasetInfo(
            summary="a table of numbers and categories; -o data.target= names the column of classes",
            load=load_csv,
            location="PATH",
            options=CsvOptions,
        ),
    }
