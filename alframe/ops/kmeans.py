"""k-means with k clusters that all have a member, so that a query of k samples returns k samples.

Lloyd's iteration from a greedy k-means++ start. The time goes to matrix products, on the CPU and on CUDA;
the memory above the input is one block of distances and a few numbers a row, and where the rows have a large
common offset a copy of them without it. Rows that are made when they are asked for are made block by block,
for each look at them, and the answer is that of the same rows in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.blocks import joined, row_blocks
from alframe.ops.lazy import LazyRows
from alframe.ops.offset import SAMPLED, common_offset
from alframe.ops.seeding import greedy_seeds

BLOCK_ELEMENTS = 1 << 21  # numbers held at once; 8 MB of float32 stays in the cache of a CPU
MOST_ASTRAY = 0.8  # share of rows whose own centre moved; above, all are compared with all


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """Clusters found by `kmeans`; each has at least one row.

    Attributes:
        centres: ``k x d`` tensor of cluster centres.
        labels: ``n`` integers, the cluster of each row.
        inertia: sum of the squared distances from each row to the centre of its cluster.
        iterations: how often the centres moved.
    """

    centres: Float[Tensor, "k d"]
    labels: Int64[Tensor, " n"]
    inertia: float
    iterations: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows, and what is common to their distances to all centres."""

    x: Float[Tensor, "n d"] | LazyRows
    squared_norms: Float[Tensor, " n"]

    @classmethod
    def of(cls, x: Float[Tensor, "n d"] | LazyRows) -> _Rows:
        return cls(x, joined((x[block].square().sum(1) for block in _blocks(x)), len(x)))


def kmeans(
    x: Float[Tensor, "n d"] | LazyRows,
    k: int,
    generator: torch.Generator,
    *,
    max_iterations: int = 100,
    tolerance: float = 1e-4,
) -> KMeansResult:
    """Partition rows into ``k`` non-empty clusters of small squared distance to their centres.

    Lloyd's iteration (Lloyd 1982, "Least squares quantization in PCM") from a greedy k-means++ start (Arthur
    and Vassilvitskii 2007, "k-means++: the advantages of careful seeding"). A cluster that loses its rows is
    given the row farthest from its centre, one of them at random, so all are kept, also where rows coincide.

    Args:
        x: ``n x d`` tensor of rows, float32 or float64; or `LazyRows`, of which each seed and each move of
            the centres costs a making.
        k: number of clusters, at most ``n``.
        generator: CPU generator, the only source of randomness.
        max_iterations: the most moves of the centres.
        tolerance: stop when a move lowers the inertia by less than this fraction.

    Raises:
        ValueError: ``k`` is less than 1 or more than the number of rows.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
        >>> kmeans(x, 2, torch.Generator().manual_seed(0)).inertia
        1.0
    """
    if not 1 <= k <= len(x):
        raise ValueError(
            f"k-means: expected between 1 and {len(x)} clusters for x of {len(x)} rows, got k={k}"
        )
    if k == len(x):
        return KMeansResult(_whole(x), torch.arange(k, device=x.device), 0.0, 0)
    with torch.no_grad():
        offset = common_offset(x if isinstance(x, Tensor) else x[:: -(-len(x) // SAMPLED)])
        moved = x if offset is None else _less(x, offset)
        rows = _Rows.of(moved)
        centres = greedy_seeds(moved, rows.squared_norms, k, generator)
        nearest = _refilled(rows, centres, _nearest_of_all(rows, centres), generator)
        iterations = 0
        while iterations < max_iterations:
            iterations += 1
            previous = nearest
            centres = _means(moved, previous.labels, k)
            nearest = _refilled(rows, centres, _nearest_again(rows, centres, previous), generator)
            if previous.inertia - nearest.inertia <= tolerance * previous.inertia:
                break
        labels = nearest.labels
        inertia = float(_own_distances(moved, centres, labels).sum(dtype=torch.float64))
        if offset is not None:
            centres += offset
    return KMeansResult(centres, labels, inertia, iterations)


def nearest_to_centres(
    x: Float[Tensor, "n d"] | LazyRows, result: KMeansResult, generator: torch.Generator | None = None
) -> Int64[Tensor, " k"]:
    """For each cluster, the position of its member nearest the centre: ``k`` distinct rows.

    Args:
        x: ``n x d`` tensor that was clustered, or `LazyRows`.
        result: what `kmeans` returned for it.
        generator: CPU generator that draws among equally near rows; without one the first is taken.
    """
    distances = _own_distances(x, result.centres, result.labels)
    order = torch.arange(len(x)) if generator is None else torch.randperm(len(x), generator=generator)
    return _nearest_members(result.labels, distances, len(result.centres), order.to(x.device))


def _whole(x: Tensor | LazyRows) -> Tensor:
    return x.clone() if isinstance(x, Tensor) else x.whole()


def _less(x: Tensor | LazyRows, offset: Tensor) -> Tensor | LazyRows:
    return x - offset if isinstance(x, Tensor) else x.each(lambda rows: rows - offset)


@dataclass(frozen=True, eq=False)
class _Nearest:
    """The nearest centre of each row, its squared distance, and the centres that were compared."""

    labels: Int64[Tensor, " n"]
    distances: Float[Tensor, " n"]
    centres: Float[Tensor, "k d"]
    inertia: float = math.nan


def _nearest_of_all(
    rows: _Rows, centres: Float[Tensor, "k d"], positions: Int64[Tensor, " m"] | None = None
) -> _Nearest:
    """For all rows, or for those at ``positions``."""
    terms = centres.square().sum(1)
    norms = rows.squared_norms if positions is None else rows.squared_norms[positions]
    labels, distances = torch.empty_like(norms, dtype=torch.int64), torch.empty_like(norms)
    # |x|^2 is the same for all centres: left out of the matrix, added to the minima
    for block in _blocks(rows.x, len(norms), len(centres)):
        some = rows.x[block if positions is None else positions[block]]
        nearest = torch.addmm(terms, some, centres.T, alpha=-2).min(1)
        labels[block], distances[block] = nearest.indices, nearest.values
    return _Nearest(labels, distances.add_(norms).clamp_(min=0), centres)


def _nearest_again(rows: _Rows, centres: Float[Tensor, "k d"], before: _Nearest) -> _Nearest:
    """The same, where many centres are where they were: most are, after a few moves.

    A row whose own centre stays is compared with those that moved, others with all.
    """
    moved = (centres != before.centres).any(1).nonzero()[:, 0]
    astray = torch.zeros(len(centres), dtype=torch.bool, device=centres.device).index_fill_(0, moved, True)
    left = astray[before.labels].nonzero()[:, 0]
    if len(left) > MOST_ASTRAY * len(rows.x):
        return _nearest_of_all(rows, centres)
    if len(moved) == 0:
        return _Nearest(before.labels, before.distances, centres)
    nearest = _nearest_of_all(rows, centres[moved])
    nearer = nearest.distances < before.distances
    labels = torch.where(nearer, moved[nearest.labels], before.labels)
    distances = torch.where(nearer, nearest.distances, before.distances)
    nearest = _nearest_of_all(rows, centres, left)
    labels[left], distances[left] = nearest.labels, nearest.distances
    return _Nearest(labels, distances, centres)


def _refilled(rows: _Rows, centres: Tensor, nearest: _Nearest, generator: torch.Generator) -> _Nearest:
    """Moves each empty cluster's centre, in place, to one of the rows farthest from their centres.

    Every cluster keeps its nearest row. The others number at least the empty clusters, because ``n >= k``.
    """
    labels, distances, compared = nearest.labels, nearest.distances, nearest.centres
    empty = (labels.bincount(minlength=len(centres)) == 0).nonzero()[:, 0]
    if len(empty):
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        movable = distances.clone()
        movable[_nearest_members(labels, distances, len(centres), order)] = -1
        taken = order[movable[order].argsort(descending=True, stable=True)[: len(empty)]]
        # other rows have not been compared with where these centres are now
        labels, distances, compared = labels.clone(), distances.clone(), centres.clone()
        labels[taken], distances[taken], centres[empty] = empty, 0, rows.x[taken]
    return _Nearest(labels, distances, compared, float(distances.sum(dtype=torch.float64)))


def _means(x: Tensor | LazyRows, labels: Int64[Tensor, " n"], k: int) -> Float[Tensor, "k d"]:
    """Mean row of each cluster. Bags of sorted rows: unlike `index_add_`, the same sum each time on CUDA."""
    if isinstance(x, Tensor):
        return _bags(x, labels, k, "mean")
    sums, clusters = x[:0].new_zeros(k, x.shape[1]), torch.arange(k, device=labels.device)
    for block in _blocks(x, len(x)):  # a sum goes on with the next block's rows: additions are in one order
        sums = _bags(torch.cat([sums, x[block]]), torch.cat([clusters, labels[block]]), k, "sum")
    return sums.div_(labels.bincount(minlength=k)[:, None])


def _bags(x: Tensor, labels: Int64[Tensor, " n"], k: int, mode: str) -> Float[Tensor, "k d"]:
    counts = labels.bincount(minlength=k)
    starts = counts.cumsum(0) - counts
    return torch.nn.functional.embedding_bag(labels.argsort(stable=True), x, starts, mode=mode)


def _nearest_members(labels: Tensor, distances: Tensor, k: int, order: Tensor) -> Int64[Tensor, " m"]:
    """Position of the row of least distance in each cluster that has rows, in the order of clusters.

    Among equals it is the first in ``order``, which has all rows.
    """
    distances = distances.masked_fill(distances.isnan(), math.inf)
    least = distances.new_full((k,), math.inf).scatter_reduce_(0, labels, distances, "amin")
    nearest = order[(distances == least[labels])[order]]
    by_cluster = nearest[labels[nearest].argsort(stable=True)]
    counts = labels[nearest].bincount(minlength=k)
    return by_cluster[(counts.cumsum(0) - counts)[counts > 0]]


def _own_distances(x: Tensor | LazyRows, centres: Tensor, labels: Tensor) -> Float[Tensor, " n"]:
    """Squared distance from each row to the centre of its cluster, as a difference: exact where they meet."""
    blocks = _blocks(x)
    return joined(((x[block] - centres[labels[block]]).square_().sum(1) for block in blocks), len(x))


def _blocks(x: Tensor | LazyRows, rows: int | None = None, width: int = 0) -> Iterator[slice]:
    """Blocks of all rows or of some, so that the rows and ``width`` numbers for each are bounded."""
    widest = max(1, width, x.shape[1])
    return row_blocks(len(x) if rows is None else rows, widest, torch.device("cpu"), BLOCK_ELEMENTS)
