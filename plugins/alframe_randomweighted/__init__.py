"""Weighted random sampling: draw at random, more of what is predicted to be of classes with few labels.

A baseline for imbalanced data that costs next to nothing. A sample's weight is the mean, over its predicted
probabilities, of one over the number of labels of the class plus one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="at random, more of the classes that have few labels, as they are predicted",
        uses={"select": "stochastic"},
        family="baseline",
        score_range="unit",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, ctx: Context) -> Tensor:
    """``sum_c p_c / (n_c + 1)``, where ``n_c`` samples of class ``c`` are labelled."""
    counts = labelled.targets.bincount(minlength=ctx.num_classes)
    return pool.by_rows(lambda probs: probs @ (1.0 / (counts + 1)).to(probs))
