"""Clusters of all samples, and whose turn it is among the candidates.

Citovsky et al., NeurIPS 2021, arXiv 2107.14263, algorithm 1: clusters by average linkage, found once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Context, Euclidean, LabelledView, PoolView
from alframe.ops import LazyRows, assign_to_nearest, average_linkage
from alframe_centroids.clusters import order_by_content

if TYPE_CHECKING:
    from alframe_clustermargin import Options


def clusters_of(
    pool: PoolView, labelled: LabelledView, options: Options, ctx: Context
) -> Int64[Tensor, " n"]:
    """The clusters of the pool's samples: those that an earlier query found, else they are found now.

    What the generator gives afterwards is the same whether they are found or known.

    Args:
        pool: ``n`` samples.
        labelled: which are clustered together with them.
        options: how many clusters, and of how many samples.
        ctx: whose state knows the clusters by position in the data set.
    """
    drawn = torch.Generator().manual_seed(int(torch.randint(1 << 62, (), generator=ctx.generator)))
    known = clusters_at(pool.positions, ctx.state)
    if known is not None:
        return known
    features: Any = pool.lazy_rows(of="fixed")
    if isinstance(features, Tensor):
        features = torch.cat([features, labelled.fixed])
    else:
        features = features.followed_by(labelled.fixed)
    found = find_clusters(features, options.mean_size, options.cluster_limit, drawn)
    positions = torch.cat([pool.positions, labelled.positions]).cpu()
    by_position = torch.full((int(positions.max()) + 1,), -1)
    by_position[positions] = found.cpu()
    ctx.state["clusters"] = by_position
    return found[: len(pool)]


def clusters_at(positions: Int64[Tensor, " n"], state: Mapping[str, Any]) -> Int64[Tensor, " n"] | None:
    """The clusters of samples as an earlier query found them; None where it did not see them all.

    Args:
        positions: of the samples in the data set.
        state: of the strategy.
    """
    known = state.get("clusters")
    if known is None or not len(positions) or int(positions.max()) >= len(known):
        return None
    clusters: Tensor = known.to(positions.device)[positions]
    return None if bool((clusters < 0).any()) else clusters


def find_clusters(
    rows: Float[Tensor, "m d"] | LazyRows, mean_size: float, limit: int, generator: torch.Generator
) -> Int64[Tensor, " m"]:
    """Average-linkage clusters by the cosine distance, so many that their mean size is as wanted.

    Of more rows than the limit so many are drawn and clustered, and the others join the cluster with the
    nearest mean of unit-length rows.

    Args:
        rows: ``m x d`` tensor, at least one row; or rows in files, and those that are clustered are held.
        mean_size: of a cluster, at least.
        limit: most rows that are clustered.
        generator: CPU generator of those that are.

    Returns:
        ``m`` numbers of clusters.
    """
    m = len(rows)
    some = order_by_content(rows, generator)
    if m > limit:
        some = some[torch.randperm(m, generator=generator)[:limit].to(some.device)]
    x = normalize(rows[some])
    k = min(max(1, math.floor(m / mean_size)), len(x))
    labels = average_linkage(x).cut(k)
    if m <= limit:
        return torch.empty_like(labels).index_copy_(0, some, labels)
    means = torch.zeros(k, x.shape[1], dtype=torch.float64, device=x.device)
    means.index_add_(0, labels, x.double()).div_(labels.bincount(minlength=k)[:, None])
    unit = LazyRows(lambda positions: normalize(rows[positions]), m, 0)
    clusters = torch.zeros(m, dtype=torch.int64, device=x.device)
    nearest = torch.full((m,), torch.inf, dtype=x.dtype, device=x.device)
    assign_to_nearest(nearest, clusters, Euclidean(unit), Euclidean(means.to(x.dtype)))
    return clusters.index_copy_(0, some, labels)


def highest(scores: Float[Tensor, " n"], most: int) -> Int64[Tensor, " k"]:
    """Positions of the highest scores, of equal ones the first; none of ``-inf``.

    Args:
        scores: ``n`` numbers.
        most: how many.
    """
    first = scores.argsort(descending=True, stable=True)[:most]
    return first[scores[first] > -torch.inf]


def in_turn(clusters: Int64[Tensor, " k"], n: int, generator: torch.Generator) -> Int64[Tensor, " _"]:
    """One candidate of each cluster, round after round; clusters with few candidates come first in a round.

    Args:
        clusters: of each of ``k`` candidates.
        n: most picks.
        generator: CPU generator of the order within a cluster and among those of equal size.

    Returns:
        At most ``n`` distinct positions of candidates in the order they were picked.

    Example:
        >>> a, b, c = 0, 1, 2
        >>> clusters = torch.tensor([a, a, a, b, c, c])
        >>> clusters[in_turn(clusters, 4, torch.Generator().manual_seed(0))].tolist()
        [1, 2, 0, 2]
    """
    order = torch.randperm(len(clusters), generator=generator).to(clusters.device)
    of, sizes = clusters[order].unique(return_inverse=True, return_counts=True)[1:]
    by_cluster = of.argsort(stable=True)
    starts = sizes.cumsum(0) - sizes
    turn = torch.empty_like(of)
    turn[by_cluster] = torch.arange(len(of), device=of.device) - starts[of[by_cluster]]
    first = by_cluster[starts]  # in a random order: who of equals is before whom
    before = (sizes * len(of) + first).argsort().argsort()  # the place of each cluster in a round
    return order[(turn * len(sizes) + before[of]).argsort()[:n]]
