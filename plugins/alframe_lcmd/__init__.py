"""LCMD: from the largest cluster the point farthest from its centre, again and again.

Holzmueller et al., "A framework and benchmark for deep batch active learning for regression", JMLR 24 (2023),
arXiv 2203.09410: largest cluster maximum distance.
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
        summary="farthest from its centre in the cluster with the largest sum of squared distances",
        reference="Holzmueller et al., JMLR 2023, arXiv 2203.09410",
        family="diversity",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, ctx: Context
) -> Tensor:
    """``n`` picks; labelled points and picks are the centres, and a score of ``-inf`` means never."""
    from alframe.ops import eligible
    from alframe_lcmd._lcmd import largest_cluster_maximum_distance

    points, positions = eligible(pool.embedding, scores)
    n = min(n, len(points))
    return positions[
        largest_cluster_maximum_distance(points, labelled.embedding, n, ctx.generator, ctx.progress)
    ]
