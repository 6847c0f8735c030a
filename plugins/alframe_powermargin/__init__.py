"""PowerMargin: draw samples in proportion to how near their two likeliest classes are.

Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning", TMLR 2023,
arXiv 2106.12059: margin sampling for batches.
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
        summary="drawn in proportion to one minus the margin of the two likeliest classes",
        reference="Kirsch et al., TMLR 2023, arXiv 2106.12059",
        uses={"select": "stochastic"},
        family="uncertainty",
        score_range="unit",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView) -> Tensor:
    """``1 - (p_1 - p_2)``: one minus the difference of the two largest probabilities."""
    from alframe_powermargin._powermargin import one_minus_margin

    return pool.by_rows(one_minus_margin)
