"""Networks of the library timm: vision transformers with DINO's weights, and any other by its name.

DINO: Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021, arXiv 2104.14294.

Published weights are taken from the cache of the Hugging Face hub. They were trained on images normalised by
ImageNet's mean and standard deviation (some by others); alframe's data sets are normalised by their own, and
that is left as it is.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from alframe import ImageModelOptions, ModelInfo, ModelRequest, PluginInfo, PresetInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Classifier

VITS = {"vit_small": "vit_small_patch16_224.dino", "vit_base": "vit_base_patch16_224.dino"}


@dataclasses.dataclass(frozen=True)
class TimmOptions(ImageModelOptions):
    """Options of any network of timm."""

    image_size: int | None = option(
        None, "height and width that images are resized to; none: the network's where it is fixed, else as is"
    )


@dataclasses.dataclass(frozen=True)
class VitOptions(ImageModelOptions):
    """Options of the vision transformers."""

    image_size: int = option(224, "height and width that images are resized to; 32 x 32 has but 4 patches")
    blocks: int = option(4, "last blocks whose class tokens are the features, side by side", least=1)
    patches: bool = option(
        False, "whether the mean of the last block's patch tokens is added to the features"
    )


def build_vit(name: str, request: ModelRequest) -> Classifier:
    """A vision transformer with the class tokens of its last blocks as features."""
    from alframe_timm._networks import ClassTokens, build

    options: VitOptions = request.options
    return build(name, VITS[name], request, lambda vit: ClassTokens(vit, options.blocks, options.patches))


def build_named(request: ModelRequest) -> Classifier:
    """The network of timm that the location names, with the features that its own head takes."""
    from alframe_timm._networks import PooledFeatures, build

    return build(f"timm:{request.location}", request.location, request, PooledFeatures)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="timm's networks")


@hookimpl
def alframe_presets() -> dict[str, PresetInfo]:
    """Offers protocols on features of DINOv2 and CLIP."""
    from alframe_timm._presets import PRESETS

    return PRESETS


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the networks."""
    return {
        name: ModelInfo(
            summary=f"vision transformer of patches of 16 x 16, timm's {network}",
            build=functools.partial(build_vit, name),
            reference="Caron et al., ICCV 2021, arXiv 2104.14294",
            options=VitOptions,
        )
        for name, network in VITS.items()
    } | {
        "timm": ModelInfo(
            summary="any network of timm, as timm.list_models() names it",
            build=build_named,
            options=TimmOptions,
            location="NAME",
        )
    }
