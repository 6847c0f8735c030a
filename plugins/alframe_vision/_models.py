"""torchvision's networks, cut into body and head and fitted to the data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alframe import (
    Classifier,
    ImageModelOptions,
    ModelRequest,
    UsageError,
    image_classifier,
    image_shape,
    load_weights,
    pretrained_file,
    read_weights,
)

CIFAR = "-cifar"
# Files of DenseNet say "norm.1" where the network says "norm1".
OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")


def build(name: str, request: ModelRequest) -> Classifier:
    """A network of torchvision, its last linear layer the head.

    The first convolution takes as many channels as the data have; where given weights have three and the data
    one, the grey channel is repeated instead. Of ``NAME-cifar`` the first convolution is 3 x 3, of stride 1,
    and no pooling follows, so that images of 32 x 32 keep their resolution. A head for another number of
    classes than the given weights' starts at random.

    Args:
        name: as torchvision names it, or with ``-cifar``.
        request: shape of a sample, number of classes, options, whether weights may be fetched.

    Raises:
        UsageError: samples that are no images or too small, weights that are not there or do not fit, or
            more layers to fine-tune than there are.
    """
    from torchvision import models

    channels = image_shape(name, request.input_shape)[0]
    weights, source = _given_weights(name, request)
    network: Any = getattr(models, name.removesuffix(CIFAR))(weights=None, num_classes=request.num_classes)
    if name.endswith(CIFAR):
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, kernel_size=3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    stem = next(key for key, module in network.named_modules() if isinstance(module, nn.Conv2d))
    repeats_grey = channels == 1 and weights is not None and _channels(weights, stem) == 3
    if channels != 3 and not repeats_grey:
        _take_channels(network, stem, channels)
    if weights is not None:
        load_weights(network, weights, source=source, network=name, head=(_head_name(network),))
    head = _cut_head(network)
    return image_classifier(
        name,
        network,
        request,
        head=head,
        channels=3 if repeats_grey else None,
        layers=lambda: _layers(network),
    )


def _given_weights(name: str, request: ModelRequest) -> tuple[dict[str, Tensor] | None, Path]:
    """The weights that the network is to start from, or None, and the file that they are from."""
    options: ImageModelOptions = request.options
    if options.pretrained:
        if name.endswith(CIFAR):
            raise UsageError(
                f"{name} has no pretrained weights: its 3 x 3 stem differs from that of torchvision's "
                f"{name.removesuffix(CIFAR)}; take that one, with -o model.image_size=224"
            )
        path = _pretrained_file(name, request)
    elif options.weights is not None:
        path = Path(options.weights)
    else:
        return None, Path()
    return {OLD_NAME.sub(r"\1\2", key): value for key, value in read_weights(path).items()}, path


def _pretrained_file(name: str, request: ModelRequest) -> Path:
    """Torchvision's default weights of a network, in torch's folder of checkpoints; fetched if allowed."""
    from torchvision import models

    url = models.get_model_weights(name).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]

    def fetch() -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The name ends in the first digits of the file's hash, which is checked.
        torch.hub.download_url_to_file(url, str(path), path.stem.rpartition("-")[2], progress=False)
        return path

    kept = path if path.is_file() else None
    return pretrained_file(
        name, request, kept, missing=f"{path.name} in {path.parent}", source=url, fetch=fetch
    )


def _channels(weights: dict[str, Tensor], stem: str) -> int:
    """Channels of the images that weights are for; 0 where they lack the stem."""
    weight = weights.get(f"{stem}.weight")
    return 0 if weight is None or weight.ndim < 2 else weight.shape[1]


def _take_channels(network: nn.Module, stem: str, channels: int) -> None:
    """Puts a convolution for another number of channels in the place of the stem's."""
    parent, _, leaf = stem.rpartition(".")
    first = network.get_submodule(stem)
    assert isinstance(first, nn.Conv2d)
    other = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(network.get_submodule(parent), leaf, other)


def _head_name(network: nn.Module) -> str:
    """Name of the last linear layer: ``fc``, ``classifier`` or ``classifier.6``."""
    return [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]


def _cut_head(network: nn.Module) -> nn.Linear:
    """Takes the last linear layer off."""
    name = _head_name(network)
    parent, _, leaf = name.rpartition(".")
    head = network.get_submodule(name)
    setattr(network.get_submodule(parent), leaf, nn.Identity())
    assert isinstance(head, nn.Linear)
    return head


def _layers(network: nn.Module) -> list[list[nn.Module]]:
    """The layers of a network without head, each with what stands between it and the next.

    ResNet has 5: the stem and ``layer1`` to ``layer4``. DenseNet has 5: the stem and four dense blocks, each
    with its transition. VGG has one for each convolution and each linear layer before the head, with its
    normalisation, pooling and dropout: vgg16 has 15.
    """
    parts = [
        part
        for name, child in network.named_children()
        for part in (child.named_children() if name in ("features", "classifier") else [(name, child)])
    ]
    layers: list[list[nn.Module]] = []
    for name, part in parts:
        if isinstance(part, nn.Conv2d | nn.Linear) or name.startswith(("layer", "denseblock")):
            layers.append([])
        layers[-1].append(part)
    return layers
