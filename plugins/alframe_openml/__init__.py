"""Data sets of OpenML by number or name: ``openml:6``, ``openml:letter``.

Vanschoren et al., "OpenML: networked science in machine learning", SIGKDD Explorations 2013, arXiv 1407.7722.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, PresetInfo, TableOptions, hookimpl, option

if TYPE_CHECKING:
    from alframe import Dataset


@dataclasses.dataclass(frozen=True)
class Options(TableOptions):
    """Options of an OpenML data set."""

    test_fraction: float = option(0.1, "share of the samples held out for testing")
    target: str | None = option(None, "column that holds the classes; none: the data set's default")


def load_openml(request: DataRequest) -> Dataset:
    """From the client's cache in ``DATA_DIR/openml``; the server is asked only where that is allowed."""
    from alframe_openml._openml import load

    return load(request.location, request.data_dir / "openml", request.download, request.options)


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


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers the two tables that the ALFA-Mix paper's program names."""
    return {
        f"openml-{name}-mlp": PresetInfo(
            summary=f"OpenML {number} ({name}), multilayer perceptron, 100 + 10 x 100 labels, five seeds",
            settings={
                "run": {"seeds": [1, 2, 3, 4, 5], "initial_size": 100, "query_size": 100, "rounds": 10},
                "data": {"name": f"openml:{number}"},
                "model": {"name": "mlp", "hidden": 256},
                "train": {"optimizer": "adam", "learning_rate": 0.001, "batch_size": 128, "epochs": 1000},
            },
            reference="the ALFA-Mix authors' program: the number, Adam, batches of 128, 10 % for testing; "
            "the budget is that of their command for MNIST; standardised columns and learning rate are ours",
        )
        for number, name in ((6, "letter"), (155, "poker"))
    }
