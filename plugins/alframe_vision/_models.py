"""torchvision's networks, cut into body and head and fitted to the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from alframe import Classifier, ModelRequest, UsageError

if TYPE_CHECKING:
    from alframe_vision import NetworkOptions

CIFAR = "-cifar"
SHOWN_NAMES = 5


def build(name: str, request: ModelRequest) -> Classifier:
    """A network of torchvision, its last linear layer the head.

    The first convolution takes as many channels as the data have. Of ``NAME-cifar`` it is 3 x 3, of stride 1,
    and no pooling follows, so that images of 32 x 32 keep their resolution.

    Args:
        name: as torchvision names it, or with ``-cifar``.
        request: shape of a sample, number of classes, options.

    Raises:
        UsageError: samples that are no images or too small, or weights that do not fit.
    """
    from torchvision import models

    shape = tuple(request.input_shape)
    if len(shape) != 3:
        raise UsageError(f"{name} takes images of shape (channels, height, width), got {shape}; try mlp")
    options: NetworkOptions = request.options
    network: Any = getattr(models, name.removesuffix(CIFAR))(weights=None, num_classes=request.num_classes)
    if name.endswith(CIFAR):
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, kernel_size=3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    if shape[0] != 3:
        _take_channels(network, shape[0])
    if options.weights is not None:
        _load_weights(name, network, Path(options.weights))
    head = _cut_head(network)
    body: nn.Module = network
    if options.embedding_size is not None:
        body = nn.Sequential(network, nn.Linear(head.in_features, options.embedding_size))
        head = nn.Linear(options.embedding_size, request.num_classes)
    model = Classifier(body, head, options.dropout)
    _try(name, model, shape)
    return model


def _take_channels(network: nn.Module, channels: int) -> None:
    """Puts a first convolution for another number of channels in the place of the first one."""
    name, first = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
    parent, _, leaf = name.rpartition(".")
    other = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(network.get_submodule(parent), leaf, other)


def _cut_head(network: Any) -> nn.Linear:
    """Takes the last linear layer off."""
    if hasattr(network, "fc"):
        head, network.fc = network.fc, nn.Identity()
    elif isinstance(network.classifier, nn.Sequential):
        head, network.classifier[-1] = network.classifier[-1], nn.Identity()
    else:
        head, network.classifier = network.classifier, nn.Identity()
    return head


def _load_weights(name: str, network: nn.Module, path: Path) -> None:
    """Loads a state dictionary under torchvision's names; a head for other classes keeps its start."""
    state = _read_state(path)
    own = network.state_dict()
    head = list(own)[-2:]  # weight and bias of the last layer
    for key in head:
        if key in state and state[key].shape != own[key].shape:
            del state[key]
    missing = sorted(set(own) - set(state) - set(head))
    unexpected = sorted(set(state) - set(own))
    wrong = sorted(key for key in set(own) & set(state) if own[key].shape != state[key].shape)
    problems = [
        f"{len(names)} {what} ({', '.join(names[:SHOWN_NAMES])}{', ...' if len(names) > SHOWN_NAMES else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        if names
    ]
    if problems:
        raise UsageError(f"{path} does not hold weights for {name}: {'; '.join(problems)}")
    network.load_state_dict(state, strict=False)


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise UsageError(
            f"{path} needs the package safetensors; alframe's extra `weights` brings it"
        ) from error
    except OSError as error:
        raise UsageError(f"weights {path} can't be read: {error.strerror or error}") from error
    except Exception as error:  # what torch and safetensors raise depends on the damage
        raise UsageError(
            f"weights {path} can't be read ({type(error).__name__}): damaged, or no weights"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UsageError(
            f"weights {path}: a dictionary of tensors is needed, as torch.save(model.state_dict()) makes"
        )
    return state


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
