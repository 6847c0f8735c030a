"""torchvision's networks, cut into body and head and fitted to the data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alframe import Classifier, ImageModelOptions, ModelRequest, UsageError, load_weights, read_weights
from alframe.ops import FitImages

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

    shape = tuple(request.input_shape)
    if len(shape) != 3:
        raise UsageError(f"{name} takes images of shape (channels, height, width), got {shape}; try mlp")
    options: ImageModelOptions = request.options
    weights, source = _given_weights(name, request)
    network: Any = getattr(models, name.removesuffix(CIFAR))(weights=None, num_classes=request.num_classes)
    if name.endswith(CIFAR):
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, kernel_size=3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    stem = next(key for key, module in network.named_modules() if isinstance(module, nn.Conv2d))
    repeats_grey = shape[0] == 1 and weights is not None and _channels(weights, stem) == 3
    if shape[0] != 3 and not repeats_grey:
        _take_channels(network, stem, shape[0])
    if weights is not None:
        load_weights(network, weights, source=source, network=name, head=(_head_name(network),))
    layers = _layers(network)
    head = _cut_head(network)
    body: nn.Module = network
    if repeats_grey or options.image_size is not None:
        body = nn.Sequential(FitImages(options.image_size, 3 if repeats_grey else None), body)
    if options.embedding_size is not None:
        body = nn.Sequential(body, nn.Linear(head.in_features, options.embedding_size))
        head = nn.Linear(options.embedding_size, request.num_classes)
    model = Classifier(body, head, options.dropout)
    if options.fine_tune_layers is not None:
        _freeze(name, model, layers, options.fine_tune_layers)
    _try(name, model, shape)
    return model


def _given_weights(name: str, request: ModelRequest) -> tuple[dict[str, Tensor] | None, Path]:
    """The weights that the network is to start from, or None, and the file that they are from."""
    options: ImageModelOptions = request.options
    if options.pretrained:
        if name.endswith(CIFAR):
            raise UsageError(
                f"{name} has no pretrained weights: its 3 x 3 stem differs from that of torchvision's "
                f"{name.removesuffix(CIFAR)}; take that one, with -o model.image_size=224"
            )
        if request.input_shape[0] not in (1, 3):
            raise UsageError(
                f"the pretrained weights of {name} are for images of 3 channels (or 1, which is repeated), "
                f"and the data have {request.input_shape[0]}: leave model.pretrained out"
            )
        path = _pretrained_file(name, request.download)
    elif options.weights is not None:
        path = Path(options.weights)
    else:
        return None, Path()
    return {OLD_NAME.sub(r"\1\2", key): value for key, value in read_weights(path).items()}, path


def _pretrained_file(name: str, download: bool) -> Path:
    """Torchvision's default weights of a network, in torch's folder of checkpoints; fetched if allowed."""
    from torchvision import models

    url = models.get_model_weights(name).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.is_file():
        return path
    if not download:
        raise UsageError(
            f"the pretrained weights of {name} are not there: {path.name} in {path.parent}; "
            "--download fetches them"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The name ends in the first digits of the file's hash, which is checked.
        torch.hub.download_url_to_file(url, str(path), path.stem.rpartition("-")[2], progress=False)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"the pretrained weights of {name} can't be fetched from {url}: {reason}") from error
    return path


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
    """The network's layers, each with what stands between it and the next; the head belongs to none.

    ResNet has 5: the stem and ``layer1`` to ``layer4``. DenseNet has 5: the stem and four dense blocks, each
    with its transition. VGG has one for each convolution and each linear layer before the head, with its
    normalisation, pooling and dropout: vgg16 has 15.
    """
    parts = [
        part
        for name, child in network.named_children()
        for part in (child.named_children() if name in ("features", "classifier") else [(name, child)])
    ]
    head = network.get_submodule(_head_name(network))
    layers: list[list[nn.Module]] = []
    for name, part in parts:
        if part is head:
            continue
        if isinstance(part, nn.Conv2d | nn.Linear) or name.startswith(("layer", "denseblock")):
            layers.append([])
        layers[-1].append(part)
    return layers


def _freeze(name: str, model: Classifier, layers: list[list[nn.Module]], k: int) -> None:
    """Leaves the last ``k`` layers to be trained, and what follows the network."""
    if k > len(layers):
        raise UsageError(
            f"model.fine_tune_layers is {k}, but {name} has {len(layers)} layers; none trains all of them"
        )
    for layer in layers[: len(layers) - k]:
        model.freeze(*layer)


def _try(name: str, model: Classifier, shape: tuple[int, ...]) -> None:
    """Passes one empty image, so that images that are too small are met before any training."""
    model.eval()
    try:
        with torch.no_grad():
            model(torch.zeros(1, *shape))
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} can't take images of shape {shape}: {reason}") from error
    model.train()
