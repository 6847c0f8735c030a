"""Adversarial DeepFool (DFAL): label what the smallest perturbation of the input turns into another class.

Ducoffe and Precioso, "Adversarial active learning for deep networks: a margin based approach", 2018,
arXiv 1802.09841; the perturbation is that of Moosavi-Dezfooli et al., "DeepFool: a simple and accurate method
to fool deep neural networks", CVPR 2016, arXiv 1511.04599.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of DeepFool."""

    steps: int = option(50, "most steps a sample", least=1)
    classes: int = option(10, "other classes looked at, those with the highest logits", least=1)
    overshoot: float = option(
        0.02,
        "how much farther than the boundary a step goes before the class is looked at; not in the score",
        least=0,
        most=1_000_000,
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="smallest adversarial perturbation of the input first (DeepFool)",
        reference="Ducoffe and Precioso, 2018, arXiv 1802.09841",
        options=Options,
        aliases=("AdversarialDeepFool",),
        needs=("network",),
        family="uncertainty",
        score_range="any",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options, ctx: Context) -> Tensor:
    """Minus the squared Euclidean norm of the perturbation; ``-inf`` where no gradient leads anywhere."""
    from alframe_deepfool._deepfool import scores

    return scores(pool, options, ctx)
