"""Predicted losses of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from alframe import Context, LabelledView, PoolView, UsageError, without_compiler
from alframe_learningloss._layers import WHOLE
from alframe_learningloss._module import LossModule, pair_losses

if TYPE_CHECKING:
    from alframe_learningloss import Options

LEARNING_RATE = 1e-3  # of Adam, where the module is fitted to features


def predicted_losses(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """Losses as the module predicts them, ``-inf`` of samples that were not drawn.

    Args:
        pool: ``N`` samples.
        labelled: ``L`` samples, whose losses the module learns from where it was not trained.
        options: how many are drawn, and how the module is fitted.
        ctx: of the score stage.
    """
    drawn = _drawn(len(pool), options.subset, ctx)
    some = pool if drawn is None else pool[drawn]
    if "module" in ctx.state:
        module, layers = LossModule.of_state(ctx.state["module"]).to(ctx.device), tuple(ctx.state["layers"])
    else:
        module, layers = fitted(labelled, options, ctx), WHOLE
    with torch.no_grad():
        predicted = _by_features(some, module) if layers == WHOLE else _by_layers(some, module, layers, ctx)
    if drawn is None:
        return predicted
    scores = predicted.new_full((len(pool),), -torch.inf)
    scores[drawn] = predicted
    return scores


def fitted(labelled: LabelledView, options: Options, ctx: Context) -> LossModule:
    """A module that learns the order of the labelled samples' losses from their features, which stay.

    Args:
        labelled: ``L`` samples.
        options: width, margin and steps of Adam, each on all pairs of one random order.
        ctx: of the score stage.

    Raises:
        UsageError: nothing is labelled.
    """
    if not len(labelled):
        raise UsageError(
            "learningloss needs labelled samples whose losses it learns from; choose the first ones at random"
        )
    features = labelled.features.float()
    losses = functional.cross_entropy(labelled.logits, labelled.targets, reduction="none")
    with torch.enable_grad():
        module = LossModule([features.shape[1]], options.width, ctx.generator).to(ctx.device)
        optimizer = without_compiler(torch.optim.Adam)(module.parameters(), lr=LEARNING_RATE)
        for _ in range(options.steps):
            order = torch.randperm(len(losses), generator=ctx.generator).to(ctx.device)
            ranked = pair_losses(module([features[order]]), losses[order], options.margin)
            optimizer.zero_grad()
            (ranked.sum() / max(1, len(ranked))).backward()
            optimizer.step()
    return module


def _drawn(size: int, subset: int | None, ctx: Context) -> Tensor | None:
    """Positions of the samples that are asked about, ascending; None where all are.

    There are as many as are still to be labelled in this round, at least.
    """
    most = size if subset is None else max(subset, ctx.left)
    if most >= size:
        return None
    return torch.randperm(size, generator=ctx.generator)[:most].sort().values.to(ctx.device)


def _by_features(pool: PoolView, module: LossModule) -> Tensor:
    return pool.by_rows(lambda block: module([block]), of="features")


def _by_layers(pool: PoolView, module: LossModule, layers: tuple[str, ...], ctx: Context) -> Tensor:
    """Passes the network again, as the features that are kept are those of its last layer alone."""
    assert ctx.model is not None
    parts = []
    with ctx.model.taps(layers) as outputs:
        for x in pool.inputs():
            ctx.model.features(x)
            parts.append(module([outputs[name] for name in layers]))
    return torch.cat(parts) if parts else torch.empty(0, device=ctx.device)
