"""timm's networks as bodies, fitted to the data."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
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
    read_weights,
)
from alframe_timm._pretrained import file_on_hub


class ClassTokens(nn.Module):
    """Features as in DINO's linear evaluation: class tokens of the last blocks, after the final norm.

    Args:
        vit: a vision transformer of timm.
        blocks: how many blocks; the features are ``blocks * D`` numbers, the last block's token last.
        patches: adds the mean of the last block's patch tokens, ``D`` numbers more.
    """

    def __init__(self, vit: Any, blocks: int, patches: bool) -> None:
        super().__init__()
        self.network: Any = vit
        self.blocks = blocks
        self.patches = patches
        if blocks > len(self.network.blocks):
            raise UsageError(
                f"model.blocks is {blocks}, but the network has {len(self.network.blocks)} blocks"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Features of a batch of images."""
        outputs = self.network.forward_intermediates(
            x,
            indices=self.blocks,
            return_prefix_tokens=True,
            norm=True,
            output_fmt="NLC",
            intermediates_only=True,
        )
        parts = [prefix[:, 0] for _, prefix in outputs]
        if self.patches:
            parts.append(outputs[-1][0].mean(dim=1))
        return torch.cat(parts, dim=1)


class PooledFeatures(nn.Module):
    """What the network's own head would take: ``n x D`` features, pooled."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, x: Tensor) -> Tensor:
        """Features of a batch of images."""
        features: Tensor = self.network.forward_head(self.network.forward_features(x), pre_logits=True)
        return features


def build(
    name: str, timm_name: str, request: ModelRequest, features: Callable[[nn.Module], nn.Module]
) -> Classifier:
    """A network of timm with a linear head of its own, which starts at random.

    A grey channel is repeated to three; images are resized on their device, batch by batch.

    Args:
        name: what the user calls it.
        timm_name: what timm calls it.
        request: shape of a sample, number of classes, options, whether weights may be fetched.
        features: makes the module that turns images into features of timm's network.

    Raises:
        UsageError: timm is not installed or does not know the name, samples that are no images or do not
            suit the network, weights that are not there or do not fit, or more layers than there are.
    """
    timm = _timm()
    own_channels = image_shape(name, request.input_shape)[0]
    channels = 3 if own_channels == 1 else own_channels
    network = _create(timm, name, timm_name, channels, request)
    size = _set_size(name, network, request.options.image_size)
    body = features(network)
    return image_classifier(
        name, body, request, size=size, channels=channels, layers=lambda: _layers(network)
    )


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise UsageError(
            "this network needs the package timm; alframe's extra brings it: pip install 'alframe[timm]'"
        ) from error
    return timm


def _create(timm: Any, name: str, timm_name: str, channels: int, request: ModelRequest) -> Any:
    """The network without a head, its weights loaded."""
    known = {*timm.list_models(), *timm.list_pretrained()}
    if timm_name not in known:
        close = ", ".join(difflib.get_close_matches(timm_name, sorted(known), n=3, cutoff=0.0))
        raise UsageError(
            f"timm has no network {timm_name!r}; the closest are {close}. See timm.list_models()"
        )
    options: ImageModelOptions = request.options
    if not options.pretrained:
        network = timm.create_model(timm_name, num_classes=0, in_chans=channels)
        if options.weights is not None:
            path = Path(options.weights)
            heads = network.default_cfg.get("classifier", ())
            head = (heads,) if isinstance(heads, str) else tuple(heads)
            load_weights(network, read_weights(path), source=path, network=name, head=head)
        return network
    path = file_on_hub(name, timm.get_pretrained_cfg(timm_name), request)
    given = {"state_dict": read_weights(path)}
    try:  # timm renames what published files call otherwise
        network = timm.create_model(timm_name, pretrained=True, num_classes=0, pretrained_cfg_overlay=given)
    except (RuntimeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{path} does not hold weights for {name}: {reason}") from error
    del network.pretrained_cfg["state_dict"]  # or copies of the network would hold them twice
    return network


def _set_size(name: str, network: Any, image_size: int | None) -> int | None:
    """The size that images are to be resized to, or None; tells the network where it has to know."""
    config = network.default_cfg
    if not config.get("fixed_input_size"):
        return image_size
    own: int = config["input_size"][1]
    if image_size in (None, own):
        return own
    if not hasattr(network, "set_input_size"):
        raise UsageError(f"{name} takes images of {own} x {own} alone: leave model.image_size out")
    patch = getattr(network.patch_embed, "patch_size", (1, 1))[0]
    if image_size % patch:
        raise UsageError(f"model.image_size of {name} must be a multiple of {patch}, got {image_size}")
    try:
        network.set_input_size(img_size=(image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} can't take images of {image_size} x {image_size}: {reason}") from error
    return image_size


def _layers(network: Any) -> list[list[nn.Parameter]]:
    """The parameters of each layer: timm's coarse ones, from the stem to the last.

    They are the stem, then each block of a transformer or each stage of a convolutional network, with the
    final norm in the last. The last blocks train as a whole; the program of the ALFA-Mix authors trains their
    layer normalisations alone.
    """
    from timm.models import group_parameters

    matcher = network.group_matcher(coarse=True)
    if isinstance(matcher, dict):  # what belongs to no layer, as a norm before the head, joins the last one
        matcher = matcher | {"rest": [(r".", (99999,))]}
    groups = group_parameters(network, matcher, return_values=True)
    return [groups[number] for number in sorted(groups)]
