"""Image data sets as torchvision stores and downloads them, and its networks.

Images are normalised by the mean and standard deviation of the training images; the paper of each data set is
its reference.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Literal

from alframe import (
    DataRequest,
    DatasetInfo,
    ImageDataOptions,
    ImageModelOptions,
    ModelInfo,
    ModelRequest,
    PluginInfo,
    PresetInfo,
    hookimpl,
    option,
)
from alframe_vision._catalogue import DOMAINNET, DOMAINNET_LISTS, DOMAINNET_REFERENCE, SOURCES

if TYPE_CHECKING:
    from alframe import Classifier, Dataset

NETWORKS = {
    "vgg": "Simonyan and Zisserman, ICLR 2015, arXiv 1409.1556",
    "resnet": "He et al., CVPR 2016, arXiv 1512.03385",
    "densenet": "Huang et al., CVPR 2017, arXiv 1608.06993",
}
NETWORK_NAMES = (
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
    *("resnet18", "resnet18-cifar", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
)


@dataclasses.dataclass(frozen=True)
class FolderOptions(ImageDataOptions):
    """Options of images in folders of classes."""

    size: int = option(32, "height and width that images are scaled and cut to", least=1)
    layout: Literal["guess", "parts", "classes"] = option(
        "guess", "whether folders called train, val, test, or the like, are parts or classes", added=True
    )
    val: Literal["guess", "test", "train", "ignore"] = option(
        "guess",
        "what a folder val is: the test part, more to train on, left out; guess: test if there is none",
        added=True,
    )


@dataclasses.dataclass(frozen=True)
class LargeImageOptions(ImageDataOptions):
    """Options of photographs that are files of their own."""

    size: int = option(224, "height and width that images are scaled and cut to", least=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="torchvision's data sets and networks")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the data sets."""
    found = {
        name: DatasetInfo(
            summary=source.summary,
            load=functools.partial(load_source, name),
            reference=source.reference,
            files=source.files,
            classes=source.classes,
        )
        for name, source in SOURCES.items()
    }
    found |= {
        name: DatasetInfo(
            summary=summary,
            load=functools.partial(load_domainnet, name),
            reference=DOMAINNET_REFERENCE,
            options=LargeImageOptions,
            files=DOMAINNET_LISTS,
            classes=len(classes) or 345,
        )
        for name, (summary, classes) in DOMAINNET.items()
    }
    return found | {
        "imagefolder": DatasetInfo(
            summary="one's own images: PATH/train/CLASS/* and PATH/test/CLASS/* (or val), or PATH/CLASS/*",
            load=load_folder,
            location="PATH",
            options=FolderOptions,
        )
    }


def load_folder(request: DataRequest) -> Dataset:
    """Images in folders, one folder a class."""
    from alframe_vision._folder import load

    return load(request.location, request.options)


def load_domainnet(name: str, request: DataRequest) -> Dataset:
    """DomainNet's photographs, or some classes of them."""
    from alframe_vision._domainnet import load

    return load(name, request.data_dir, DOMAINNET[name][1], request.options)


def load_source(name: str, request: DataRequest) -> Dataset:
    """One data set of the catalogue."""
    from alframe_vision._load import load

    return load(name, SOURCES[name], request.data_dir, request.download)


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers torchvision's networks."""
    return {
        name: ModelInfo(
            summary="ResNet-18 with a 3 x 3 stem and no max-pooling, for images of 32 x 32"
            if name == "resnet18-cifar"
            else f"torchvision's {name}",
            build=functools.partial(build_network, name),
            reference=next(paper for family, paper in NETWORKS.items() if name.startswith(family)),
            options=ImageModelOptions,
        )
        for name in NETWORK_NAMES
    }


def build_network(name: str, request: ModelRequest) -> Classifier:
    """One of torchvision's networks."""
    from alframe_vision._models import build

    return build(name, request)


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers settings of the ALFA-Mix paper's program."""
    from alframe_vision._presets import PRESETS

    return PRESETS
