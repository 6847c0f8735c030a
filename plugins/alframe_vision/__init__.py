"""Image data sets as torchvision stores and downloads them.

Images are normalised by the mean and standard deviation of the training images; the paper of each data set is
its reference.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, PresetInfo, hookimpl
from alframe_vision._catalogue import SOURCES

if TYPE_CHECKING:
    from alframe import Dataset

AUTHORS_COMMAND = {
    "run": {"seeds": [1, 2, 3, 4, 5], "initial_size": 100, "query_size": 100, "rounds": 10},
    "data": {"name": "mnist"},
    "model": {"name": "mlp", "hidden": 256},
    "train": {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "batch_size": 64,
        "epochs": 1000,
        "stop_accuracy": 0.99,
    },
}


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary=f"torchvision's data sets: {', '.join(SOURCES)}")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the data sets."""
    return {
        name: DatasetInfo(
            summary=source.summary,
            load=functools.partial(load_source, name),
            reference=source.reference,
            files=source.files,
        )
        for name, source in SOURCES.items()
    }


def load_source(name: str, request: DataRequest) -> Dataset:
    """One data set of the catalogue."""
    from alframe_vision._load import load

    return load(name, SOURCES[name], request.data_dir, request.download)


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers settings of the ALFA-Mix paper's program."""
    return {
        "mnist-mlp": PresetInfo(
            summary="MNIST, multilayer perceptron, 100 + 10 x 100 labels, five seeds",
            settings=AUTHORS_COMMAND,
            reference="the command that the ALFA-Mix authors publish for MNIST; the seeds 1 to 5 are ours",
        )
    }
