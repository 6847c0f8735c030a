"""Variation ratio: label what the fewest members of a committee agree on.

Freeman, "Elementary applied statistics", 1965; with networks Beluch et al., "The power of ensembles for
active learning in image classification", CVPR 2018.
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
        summary="smallest share of networks that agree on a class first",
        reference="Beluch et al., CVPR 2018",
        uses={"train": "ensemble"},
        needs=("committee",),
        family="Bayesian",
        score_range="unit",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView) -> Tensor:
    """``1 - max_c share_c`` of the members' votes."""
    from alframe_variationratio._variationratio import variation_ratio

    return pool.members_by_rows(variation_ratio)
