"""Entropy sampling: label first where the predicted distribution has the largest entropy.

Settles, "Active Learning Literature Survey", 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest entropy of the prediction first",
        reference="Settles, 2009",
        aliases=("EntropySampling",),
        family="uncertainty",
        rowwise=("score",),
        score_range="nonnegative",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView) -> Tensor:
    """Entropy of each prediction, in nats."""
    from alframe_entropy._entropy import entropy

    return pool.by_rows(entropy, of="logits")
