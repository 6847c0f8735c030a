"""Image data sets through torchvision.

LeCun, Cortes & Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, PresetInfo, hookimpl

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


def load_mnist(request: DataRequest) -> Dataset:
    """MNIST, normalised by the mean and standard deviation of its training images."""
    from alframe_vision._mnist import load

    return load(request.data_dir, request.download)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="torchvision's data sets: mnist")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the data sets."""
    return {
        "mnist": DatasetInfo(
            summary="60,000 + 10,000 handwritten digits of 28 x 28, 10 classes",
            load=load_mnist,
            reference="LeCun et al., 1998",
        )
    }


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
