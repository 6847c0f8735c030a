"""Supervised training on mixtures of samples.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv 1710.09412; Verma et al.,
"Manifold Mixup", ICML 2019, arXiv 1806.05236.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Classifier, Context, LabelledView, Recipe, TrainResult


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of mixup."""

    alpha: float = option(1.0, "of the distribution Beta(alpha, alpha) that shares are drawn from", above=0)
    mix: Literal["input", "manifold"] = option(
        "input", "what is mixed: inputs; or of each batch inputs or the output of a stage of the body"
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="trains on mixtures of samples: mixup, manifold mixup",
        reference="Zhang et al., ICLR 2018, arXiv 1710.09412; Verma et al., ICML 2019, arXiv 1806.05236",
        options=Options,
    )


@hookimpl
def alframe_train(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    options: Options,
    ctx: Context,
) -> TrainResult:
    """The default trainer with mixup's loss."""
    from alframe import train_supervised
    from alframe_mixup._mixup import Mixup

    mixup = Mixup(model, options.alpha, manifold=options.mix == "manifold", generator=ctx.generator)
    return train_supervised(model, labelled, validation, recipe, ctx, objective=mixup)
