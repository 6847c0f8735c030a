"""Which cluster is whose turn, and which of its samples is the most typical.

Hacohen et al., ICML 2022, arXiv 2202.02794: the typicality of a sample is one over its mean distance to its
nearest neighbours.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe import Euclidean, UsageError
from alframe.ops import LazyRows, row_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alframe_typiclust import Options

MOST_AT_ONCE = 64  # picks of a cluster from one search for neighbours
LIST_ELEMENTS = 1 << 24  # neighbours that are kept at most, beyond those that a pick needs


def most_typical_in_turn(
    x: Float[Tensor, "m d"] | LazyRows,
    labels: Int64[Tensor, " m"],
    unlabelled: Bool[Tensor, " m"],
    n: int,
    options: Options,
    generator: torch.Generator,
) -> Int64[Tensor, " n"]:
    """The most typical unlabelled row of each cluster in turn.

    Args:
        x: ``m x d`` tensor of rows, or rows in files, of which a cluster's are held.
        labels: cluster of each, ``m`` numbers.
        unlabelled: which rows may be picked, at least ``n``.
        n: number of picks.
        options: how typicality is measured, and which clusters are small.
        generator: CPU generator of the order among equals.

    Returns:
        ``n`` distinct positions in the order they were picked.

    Raises:
        UsageError: a cluster's rows may not be held.
    """
    sizes = labels.bincount()
    members = unlabelled.nonzero()[:, 0]
    members = members[labels[members].argsort(stable=True)]
    free = labels[members].bincount(minlength=len(sizes)).tolist()
    turns = clusters_in_turn(sizes.tolist(), free, n, options.min_cluster, generator)
    of_cluster = members.split(free)
    picks: list[Tensor] = []
    places: dict[int, int] = {}  # where the picks of a cluster begin
    for cluster, count in collections.Counter(turns).items():
        rows = of_cluster[cluster]
        places[cluster] = sum(map(len, picks))
        picks.append(
            rows[most_typical(_held(x, rows), count, options.neighbours, options.squared, generator)]
        )
    found = []
    for cluster in turns:
        found.append(places[cluster])
        places[cluster] += 1
    return torch.cat(picks)[torch.tensor(found, device=x.device)]


def _held(x: Tensor | LazyRows, rows: Int64[Tensor, " q"]) -> Float[Tensor, "q d"]:
    """The rows of a cluster."""
    held = x[rows] if isinstance(x, Tensor) else x.within_memory(rows)
    if isinstance(held, Tensor):
        return held
    size = 4 * len(rows) * x.shape[1] / 1e9
    raise UsageError(
        f"typiclust holds the features of one cluster at a time, and one has {len(rows):,} samples, "
        f"{size:,.1f} GB in float32, for which half of what memory allows must be enough: allow more, or ask "
        "about a part of the pool"
    )


def clusters_in_turn(
    sizes: Sequence[int], free: Sequence[int], n: int, smallest: int, generator: torch.Generator
) -> list[int]:
    """The cluster of each pick: those with the fewest labels first, of these the largest; round after round.

    A cluster that has no unlabelled member left is passed over. Small clusters wait until the others have
    none left, and are then taken in the same way.

    Args:
        sizes: members of each cluster, labelled ones included.
        free: its members without label.
        n: number of picks.
        smallest: clusters up to this size are small.
        generator: CPU generator of the order among equals.
    """
    order = torch.randperm(len(sizes), generator=generator).tolist()
    order.sort(key=lambda cluster: (sizes[cluster] - free[cluster], -sizes[cluster]))
    left = list(free)
    turns: list[int] = []
    for is_small in (False, True):
        waiting = [cluster for cluster in order if (sizes[cluster] <= smallest) == is_small]
        while waiting and len(turns) < n:
            waiting = [cluster for cluster in waiting if left[cluster]]
            turns += waiting
            for cluster in waiting:
                left[cluster] -= 1
    return turns[:n]


def most_typical(
    x: Float[Tensor, "q d"], n: int, neighbours: int, squared: bool, generator: torch.Generator
) -> Int64[Tensor, " n"]:
    """Again and again the row of largest typicality among those that are left.

    Args:
        x: ``q x d`` tensor of rows, a cluster's.
        n: number of picks, at most ``q``.
        neighbours: how many are looked at; half of the rows that are left where these are few.
        squared: whether squared distances are averaged.
        generator: CPU generator of the order among equals.

    Returns:
        ``n`` distinct positions in the order they were picked.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [1.1], [1.3], [9.0]])
        >>> most_typical(x, 2, 2, False, torch.Generator().manual_seed(0)).tolist()
        [2, 1]
    """
    rest = torch.randperm(len(x), generator=generator).to(x.device)  # the first of equals is taken
    picks = [rest[:0]]
    while n > 0:
        count = max(1, min(n, MOST_AT_ONCE, LIST_ELEMENTS // len(rest)))
        inside = _first_picks(Euclidean(x[rest]), count, neighbours, squared)
        picks.append(rest[inside])
        rest = rest[torch.ones_like(rest, dtype=torch.bool).index_fill_(0, inside, False)]
        n -= count
    return torch.cat(picks)


def _first_picks(points: Euclidean, n: int, neighbours: int, squared: bool) -> Int64[Tensor, " n"]:
    """The same for a few picks, from one search: without ``n - 1`` of them, lists are still long enough."""
    q = len(points)
    distances, nearest = _nearest(points, min(q - 1, min(neighbours, q // 2) + n - 1))
    distances = distances if squared else distances.sqrt()
    left = torch.ones(q, dtype=torch.bool, device=distances.device)
    picks: list[Tensor] = []
    for step in range(n):
        k = min(neighbours, (q - step) // 2)
        among = left[nearest]
        among &= among.cumsum(dim=1) <= k
        means = (distances * among).sum(dim=1) / max(1, k)  # one over typicality; 0 of a row without another
        picks.append(means.masked_fill_(~left, torch.inf).argmin(keepdim=True))
        left[picks[-1]] = False
    return torch.cat(picks)


def _nearest(points: Euclidean, k: int) -> tuple[Float[Tensor, "q k"], Int64[Tensor, "q k"]]:
    """Squared distances to the ``k`` nearest others in ascending order, and which these are."""
    norms = points.squared_norms()
    values = norms.new_empty(len(points), k)
    positions = torch.empty(values.shape, dtype=torch.int64, device=norms.device)
    for block in row_blocks(len(points), len(points), norms.device):
        distances = points[block].squared_distances(points)
        distances.diagonal(block.start).fill_(torch.inf)  # itself, by its place: copies of it count
        values[block], positions[block] = distances.topk(k, dim=1, largest=False)
    return values, positions
