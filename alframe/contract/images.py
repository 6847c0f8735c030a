"""Networks of images: what is the same whatever library a plugin takes its networks from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from alframe.contract.layers import Layer, freeze_all_but_last
from alframe.contract.resources import ImageModelOptions, ModelRequest
from alframe.contract.sections import NETWORK
from alframe.errors import UsageError, one_line
from alframe.networks.classifier import Classifier
from alframe.ops.images import FitImages


def image_shape(name: str, shape: Sequence[int], smallest: int | None = None) -> tuple[int, int, int]:
    """The shape of a sample, if it is an image.

    Args:
        name: what the user calls the network.
        shape: of one sample, as `ModelRequest.input_shape`.
        smallest: the least height and width in pixels that the network takes, or None.

    Returns:
        Channels, height, width.

    Raises:
        UsageError: another number of dimensions, or smaller images; the default network, which takes any
            samples, is named.

    Example:
        >>> from alframe import image_shape
        >>> image_shape("lenet", (1, 28, 28), smallest=12)
        (1, 28, 28)
    """
    shape = tuple(shape)
    if len(shape) != 3 or (smallest is not None and min(shape[1:]) < smallest):
        least = "" if smallest is None else f" from {smallest} x {smallest}"
        raise UsageError(
            f"{name} takes images of shape (channels, height, width){least}, got {shape}; try {NETWORK}"
        )
    return shape


def pretrained_file(
    name: str,
    request: ModelRequest,
    kept: Path | None,
    *,
    missing: str,
    source: str,
    fetch: Callable[[], Path],
) -> Path:
    """The file of a network's published weights: the one that is kept, or else a fetched one.

    Args:
        name: what the user calls the network.
        request: number of channels, and whether fetching is allowed; without it no connection is made.
        kept: the file on disk, or None where it is not there.
        missing: in messages, the file's name and where it was looked for.
        source: in messages, where it is fetched from.
        fetch: fetches the file and says where it lies now; what it raises is told in one line.

    Raises:
        UsageError: the images have neither 1 nor 3 channels, the file is missing and may not be fetched, or
            it can't be.
    """
    channels = request.input_shape[0]
    if channels not in (1, 3):
        raise UsageError(
            f"the pretrained weights of {name} are for images of 3 channels (or 1, which is repeated), "
            f"and the data have {channels}: leave model.pretrained out"
        )
    if kept is not None:
        return kept
    if not request.download:
        raise UsageError(
            f"the pretrained weights of {name} are not there: {missing}; --download fetches them"
        )
    try:
        return fetch()
    except UsageError:
        raise
    except Exception as error:  # a client raises what its transport does
        raise UsageError(
            f"the pretrained weights of {name} can't be fetched from {source}: {one_line(error)}"
        ) from error


def image_classifier(
    name: str,
    body: nn.Module,
    request: ModelRequest,
    *,
    head: nn.Linear | None = None,
    size: int | None = None,
    channels: int | None = None,
    layers: Callable[[], Sequence[Layer]] | None = None,
) -> Classifier:
    """A network fitted to images and to the options that networks of images share.

    Before the body images are resized, and a grey channel is repeated; after it come the embedding layer,
    dropout and the head. One empty image is passed through the body, so that images that don't suit are met
    before any training. Of the options `ImageModelOptions.embedding_size`, ``dropout``, ``image_size`` and
    ``fine_tune_layers`` are served; initial weights are the caller's to load.

    Args:
        name: what the user calls the network.
        body: maps ``n x c x h x w`` images to ``n x D`` features.
        request: shape of a sample, number of classes, and options, an `ImageModelOptions`.
        head: the network's own last layer, ``D`` to ``request.num_classes``; None makes one that starts at
            random. With an embedding layer there is always a new one.
        size: height and width in pixels that the body needs; None: those of the option ``image_size``.
        channels: as many as a grey channel is repeated to; None: images keep theirs.
        layers: tells the body's layers, first to last, as `Classifier.freeze` takes them: modules, or
            parameters that are frozen as the largest modules that they fill. It is called for
            ``fine_tune_layers`` alone; None: the body is one layer.

    Raises:
        UsageError: samples that are no images or don't suit the body, a body that makes no rows of features,
            or more layers to fine-tune than there are.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from alframe import ImageModelOptions, ModelRequest, image_classifier
        >>> body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> options = ImageModelOptions(image_size=32, embedding_size=5, fine_tune_layers=0)
        >>> request = ModelRequest(torch.Size((1, 28, 28)), 10, options)
        >>> model = image_classifier("small", body, request, channels=3)
        >>> model.features(torch.rand(2, 1, 28, 28)).shape, model.head.out_features
        (torch.Size([2, 5]), 10)
        >>> [parameter.requires_grad for parameter in body.parameters()]
        [False, False]
    """
    options: ImageModelOptions = request.options
    shape = image_shape(name, request.input_shape)
    size = options.image_size if size is None else size
    whole = body
    if size is not None or channels is not None:
        whole = nn.Sequential(FitImages(size, channels), body)
    width = _width(name, whole, shape)
    if options.embedding_size is not None:
        whole = nn.Sequential(whole, nn.Linear(width, options.embedding_size))
        width, head = options.embedding_size, None
    if head is None:
        head = nn.Linear(width, request.num_classes)
    model = Classifier(whole, head, options.dropout)
    if options.fine_tune_layers is not None:
        known = [[body]] if layers is None else layers()
        freeze_all_but_last(model, body, known, options.fine_tune_layers, name)
    return model


def _width(name: str, body: nn.Module, shape: tuple[int, ...]) -> int:
    """How many features the body makes of an empty image."""
    body.eval()
    try:
        with torch.no_grad():
            features = body(torch.zeros(1, *shape))
    except Exception as error:  # what is raised depends on the network
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} can't take images of shape {shape}: {reason}") from error
    if features.ndim != 2:
        raise UsageError(
            f"{name} makes no features of shape n x D, but {tuple(features.shape)}: take another"
        )
    body.train()
    return int(features.shape[1])
