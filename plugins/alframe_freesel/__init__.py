"""FreeSel: draw samples that are far from all others drawn, once, before anything is trained.

Xie et al., "Towards free data selection with general-purpose models", NeurIPS 2023, arXiv 2309.17342: one
pass of a pretrained network, and no training between queries.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of FreeSel."""

    power: float = option(
        4.0, "of the Euclidean distance that samples are drawn by; 2 is that of k-means++", above=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="drawn by the fourth power of the distance to all that is drawn or labelled",
        reference="Xie et al., NeurIPS 2023, arXiv 2309.17342",
        options=Options,
        family="start",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView,
    labelled: LabelledView,
    pending: PoolView,
    scores: Tensor | None,
    n: int,
    options: Options,
    ctx: Context,
) -> Tensor:
    """``n`` samples one after the other; what is labelled or pending counts as drawn before them.

    A score of ``-inf`` means never.
    """
    from alframe_freesel._freesel import draw_by_distance

    return draw_by_distance(pool, (labelled, pending), scores, n, options.power, ctx.generator)
