"""Margin sampling: label first where the two likeliest classes are closest.

Scheffer et al., IDA 2001; Settles, "Active Learning Literature Survey", 2009. The baseline to beat on
tabular data: Bahri et al., arXiv 2210.03822.
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
        summary="smallest margin between the two likeliest classes first",
        reference="Settles, 2009",
        family="uncertainty",
        rowwise=("score",),
        score_range="any",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView) -> Tensor:
    """``-(p_1 - p_2)``: minus the difference of the two largest probabilities."""
    from alframe_margin._margin import minus_margin

    return pool.by_rows(minus_margin)
