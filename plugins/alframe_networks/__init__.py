"""Small networks that train in seconds: a linear one, a multilayer perceptron, LeNet and a convolutional one.

LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998. The convolutional
network `cnn` is of our own design, for images of any size; it is not the ALFA-Mix authors' `baseline_cnn`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, ModelInfo, ModelRequest, PluginInfo, PresetInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Classifier


@dataclasses.dataclass(frozen=True)
class NetworkOptions(CheckedOptions):
    """Options of every network here."""

    dropout: float = option(
        0.0, "share of the features dropped before the head in training", least=0, below=1
    )


@dataclasses.dataclass(frozen=True)
class HiddenOptions(NetworkOptions):
    """Options of networks that end in a hidden layer."""

    hidden: int = option(256, "units of the hidden layer: the features", least=1)


def build_linear(request: ModelRequest) -> Classifier:
    """A head on the inputs, which are the features."""
    from alframe_networks._networks import linear

    return linear(request.input_shape.numel(), request.num_classes, request.options.dropout)


def build_mlp(request: ModelRequest) -> Classifier:
    """One hidden layer of rectified units."""
    from alframe_networks._networks import mlp

    options = request.options
    return mlp(request.input_shape.numel(), options.hidden, request.num_classes, options.dropout)


def build_cnn(request: ModelRequest) -> Classifier:
    """Convolutions of 3 x 3 with batch normalisation, as deep as the images are large."""
    from alframe_networks._networks import cnn

    options = request.options
    return cnn(tuple(request.input_shape), options.hidden, request.num_classes, options.dropout)


def build_lenet(request: ModelRequest) -> Classifier:
    """LeNet-5 with rectified units and max-pooling."""
    from alframe_networks._networks import lenet

    return lenet(tuple(request.input_shape), request.num_classes, request.options.dropout)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="small networks: linear, mlp, lenet, cnn")


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the networks."""
    return {
        "linear": ModelInfo(
            summary="a linear head; the inputs are the features", build=build_linear, options=NetworkOptions
        ),
        "mlp": ModelInfo(summary="one hidden layer, for any data", build=build_mlp, options=HiddenOptions),
        "cnn": ModelInfo(
            summary="3 x 3 convolutions for images from 4 x 4, deeper for larger ones",
            build=build_cnn,
            options=HiddenOptions,
        ),
        "lenet": ModelInfo(
            summary="LeNet-5 for images from 12 x 12",
            build=build_lenet,
            reference="LeCun et al., Proc. IEEE 1998",
            options=NetworkOptions,
        ),
    }


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers a protocol for features that a large network has made."""
    from alframe_networks._presets import PRESETS

    return PRESETS
