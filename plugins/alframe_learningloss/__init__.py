"""Learning Loss: a small module learns to predict the loss of each sample, and high losses are labelled.

Yoo and Kweon, "Learning loss for active learning", CVPR 2019, arXiv 1905.03677. The module sees the outputs
of several layers of the network, and is trained beside it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Classifier, Context, LabelledView, PoolView, Recipe, TrainResult


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of Learning Loss, those of the paper by default."""

    layers: tuple[str, ...] = option(
        (), "modules of the network's body whose outputs the loss is predicted from; none: one of each stage"
    )
    width: int = option(128, "numbers that are made of each layer's output", least=1)
    weight: float = option(1.0, "weight of the module's loss beside the network's", least=0)
    margin: float = option(1.0, "difference that predictions of two losses shall have at least", least=0)
    detach_at: float = option(
        0.6, "share of the epochs after which the module changes the network no more", least=0, most=1
    )
    subset: int | None = option(
        10_000, "samples of the pool, drawn at random, whose losses are predicted; none: all", least=1
    )
    steps: int = option(
        200, "steps of Adam by which the module is fitted where another trainer trained the network", least=1
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="highest loss as a module beside the network predicts it",
        reference="Yoo and Kweon, CVPR 2019, arXiv 1905.03677",
        options=Options,
        family="uncertainty",
        score_range="any",
        api=4,
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
    """The default trainer, with a module beside the network that learns to rank samples by their loss."""
    from alframe_learningloss._training import train

    return train(model, labelled, validation, recipe, options, ctx)


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """The predicted loss of each sample of a random part of the pool; -inf of the others.

    Where another trainer trained the network, the module is fitted here, to the labelled samples' features.

    Raises:
        UsageError: it has to be fitted, and nothing is labelled.
    """
    from alframe_learningloss._scoring import predicted_losses

    return predicted_losses(pool, labelled, options, ctx)
