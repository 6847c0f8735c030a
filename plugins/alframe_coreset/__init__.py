"""CoreSet: label the point farthest from everything labelled, again and again.

Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018,
arXiv 1708.00489. This is their greedy 2-approximation of the k-centre problem, not the robust variant that
solves mixed-integer programmes.
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
        summary="k-centre greedy: farthest from all labelled (2-approximation, not the robust variant)",
        reference="Sener and Savarese, ICLR 2018, arXiv 1708.00489",
        aliases=("CoreSet",),
        family="diversity",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, pending: PoolView, ctx: Context
) -> Tensor:
    """Farthest from all labelled, pending and picked points, ``n`` times; a score of ``-inf`` means never."""
    from alframe.ops import eligible
    from alframe_coreset._coreset import k_centre_greedy

    points, positions = eligible(pool.embedding, scores)
    centres = [view.embedding for view in (labelled, pending) if len(view)]
    return positions[k_centre_greedy(points, centres, min(n, len(points)), ctx.generator)]
