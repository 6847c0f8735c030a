"""Who serves a stage when nobody else does. Written as any plugin is, and called by the same rules.

- embed: the network's features
- select: the samples of highest score, ties in random order; without scores, uniformly at random
- train: supervised, see `alframe.defaults.training`; several at once, see `alframe.defaults.stacked`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe.contract.info import PluginInfo
from alframe.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alframe.contract.context import Context
    from alframe.contract.recipe import Recipe, TrainResult
    from alframe.contract.training import Training
    from alframe.contract.views import LabelledView, Numbers, PoolView
    from alframe.errors import TrialError
    from alframe.networks.classifier import Classifier
    from alframe.ops.geometry import Embeddings


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the defaults."""
    return PluginInfo(summary="supervised training; features; top scores or uniformly at random")


@hookimpl
def alframe_train(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    ctx: Context,
) -> TrainResult:
    """Supervised training on the labelled set."""
    from alframe.defaults.training import train_supervised

    return train_supervised(model, labelled, validation, recipe, ctx)


@hookimpl
def alframe_train_together(
    trainings: Sequence[Training], recipe: Recipe
) -> Sequence[TrainResult | TrialError] | None:
    """Supervised training of networks of one design, in step."""
    from alframe.defaults.stacked import train_stacked

    return train_stacked(trainings, recipe)


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView) -> Embeddings:
    """The features under the Euclidean distance; fixed ones, if there are any, before any training."""
    from alframe.ops.geometry import Embeddings, Euclidean

    of: Numbers = "features" if len(labelled) else "fixed"
    return Embeddings(Euclidean(pool.lazy_rows(of=of)), Euclidean(labelled.lazy_rows(of=of)))


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, ctx: Context) -> Tensor:
    """The ``n`` highest finite scores, ties in random order; without scores, ``n`` at random."""
    import torch

    from alframe.ops.ties import largest

    order = torch.randperm(len(pool), generator=ctx.generator).to(ctx.device)
    if scores is None:
        return order[:n]
    shuffled = scores[order]
    last = largest(shuffled, min(n, len(pool)))[-1:]  # many times as fast as sorting all
    among = ((shuffled >= last) & (shuffled > -torch.inf)).nonzero()[:, 0]
    return order[among[shuffled[among].argsort(descending=True, stable=True)[:n]]]
