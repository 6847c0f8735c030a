"""Centroids: label the sample nearest to the centre of each of ``n`` clusters.

k-means with as many clusters as the budget, on unit-length features: where to begin when nothing is labelled.
Gupte et al., "Revisiting active learning in the era of vision foundation models", TMLR 2024,
arXiv 2401.14555, whose DropQuery begins so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="the sample nearest to each of n k-means centres of unit-length features",
        reference="Gupte et al., TMLR 2024, arXiv 2401.14555",
        family="start",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, ctx: Context) -> Tensor:
    """One sample a cluster, of the largest cluster first; a score of ``-inf`` means never."""
    from alframe_centroids.clusters import eligible_rows, nearest_to_means

    features, positions = eligible_rows(pool.lazy_rows(of="fixed"), scores)
    return positions[nearest_to_means(features, n, ctx.generator)]
