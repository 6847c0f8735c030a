"""Cluster-Margin: the smallest margins, in turn from clusters that are found once.

Citovsky et al., "Batch active learning at scale", NeurIPS 2021, arXiv 2107.14263. For large batches: among
the most uncertain samples many are alike.
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
    """Options of Cluster-Margin."""

    candidates: float = option(10.0, "samples of least margin for each one of the budget", least=1)
    mean_size: float = option(10.0, "mean number of samples in a cluster, at least", least=1)
    cluster_limit: int = option(
        20_000, "most samples that are clustered, drawn at random; others join the nearest centre", least=1
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="smallest margins, in turn from average-linkage clusters, those with few of them first",
        reference="Citovsky et al., NeurIPS 2021, arXiv 2107.14263",
        options=Options,
        uses={"score": "margin"},
        family="both",
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """A random one of each cluster's candidates, round after round, of clusters with few candidates first.

    Candidates are the samples of the highest scores; without scores all are. A score of ``-inf`` means never.
    """
    from alframe_centroids.clusters import order_by_content
    from alframe_clustermargin._clustermargin import clusters_of, highest, in_turn

    clusters = clusters_of(pool, labelled, options, ctx)
    chosen = order_by_content(pool.lazy_rows(of="fixed"), ctx.generator)
    if scores is not None:
        chosen = chosen[highest(scores[chosen], round(options.candidates * n))]
    of = clusters[chosen]
    ctx.log("clusters", len(of.unique()))
    return chosen[in_turn(of, n, ctx.generator)]
