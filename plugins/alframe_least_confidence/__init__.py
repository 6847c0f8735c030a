"""Least-confidence sampling: label first where the likeliest class is least likely.

Lewis & Gale, SIGIR 1994; Settles, "Active Learning Literature Survey", 2009.
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
        summary="smallest probability of the predicted class first",
        reference="Settles, 2009",
        family="uncertainty",
        rowwise=("score",),
        score_range="unit",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView) -> Tensor:
    """``1 - p_1``: one minus the largest probability."""
    from alframe_least_confidence._doubt import doubt

    return pool.by_rows(doubt)
