"""TypiClust: label the most typical sample of each cluster that has no label yet.

Hacohen, Dekel and Weinshall, "Active learning on a budget: opposite strategies suit high and low budgets",
ICML 2022, arXiv 2202.02794. With few labels, typical samples are worth more than uncertain ones.
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
    """Options of TypiClust."""

    neighbours: int = option(20, "neighbours in its cluster that a sample's density is measured by", least=1)
    max_clusters: int = option(500, "most clusters; fewer labels than that have a cluster each", least=1)
    min_cluster: int = option(
        5, "clusters of up to so many samples, labelled ones included, come after all others", least=0
    )
    squared: bool = option(
        False, "mean squared distance to the neighbours, as the authors' program has it, not mean distance"
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="the most typical sample of each cluster that has the fewest labels",
        reference="Hacohen et al., ICML 2022, arXiv 2202.02794",
        options=Options,
        family="start",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """The densest unlabelled sample of each cluster in turn; a score of ``-inf`` means never."""
    import torch

    from alframe.ops import LazyRows, kmeans
    from alframe_centroids.clusters import eligible_rows, order_by_content, unit_rows
    from alframe_typiclust._typiclust import most_typical_in_turn

    features, positions = eligible_rows(pool.lazy_rows(of="fixed"), scores)
    n = min(n, len(positions))
    if n == 0:
        return positions
    rows: torch.Tensor | LazyRows
    if isinstance(features, torch.Tensor):
        rows = torch.cat([features, labelled.fixed])
    else:
        rows = features.followed_by(labelled.fixed)
    order = order_by_content(rows, ctx.generator)
    x, unlabelled = unit_rows(rows, order), order < len(positions)
    del rows
    clusters = kmeans(x, min(len(labelled) + n, options.max_clusters), ctx.generator)
    ctx.log("clusters", len(clusters.centres))
    picks = most_typical_in_turn(x, clusters.labels, unlabelled, n, options, ctx.generator)
    return positions[order[picks]]
