"""Data sets of OpenML by number or name: ``openml:6``, ``openml:letter``.

Vanschoren et al., "OpenML: networked science in machine learning", SIGKDD Explorations 2013, arXiv 1407.7722.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import DataOptions, DataRequest, DatasetInfo, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Dataset


@dataclasses.dataclass(frozen=True)
class Options(DataOptions):
    """Options of an OpenML data set."""

    test_fraction: float = option(0.1, "share of the samples held out for testing")
    target: str | None = option(None, "column that holds the classes; none: the data set's default")


def load_openml(request: DataRequest) -> Dataset:
    """From the client's cache in ``DATA_DIR/openml``; the server is asked only where that is allowed."""
    from alframe_openml._openml import load

    return load(request.location, request.data_dir / "openml", request.download, request.options.target)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="data sets of OpenML: openml:ID, openml:NAME")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers OpenML."""
    return {
        "openml": DatasetInfo(
            summary="any table of OpenML, from the client's cache or downloaded",
            load=load_openml,
            reference="Vanschoren et al., 2013, arXiv 1407.7722",
            location="ID-or-NAME",
            options=Options,
        )
    }
