"""Largest cluster maximum distance on any geometry.

Holzmueller et al., JMLR 24 (2023), arXiv 2203.09410, section 5.2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe import Geometry
from alframe.ops import assign_to_nearest, first_of_equals

BITS = 62  # of a sum of whole numbers


def largest_cluster_maximum_distance(
    points: Geometry,
    centres: Geometry,
    n: int,
    generator: torch.Generator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Int64[Tensor, " n"]:
    """Repeatedly the point farthest from its centre in the cluster with the largest sum.

    Each point belongs to the nearest of the centres and picks so far, and the sum is that of its members'
    squared distances. Where there is no centre yet the point of largest norm is picked. Of equals each is as
    likely. Where all that is left is as near to its centre as 32 bits can't tell from coinciding, it goes on
    in 64.

    Args:
        points: ``N`` points of any geometry.
        centres: the labelled points, of the same geometry; there may be none.
        n: number of picks, at most ``N``.
        generator: CPU generator of the order among equals.
        progress: told how many picks of how many there are.

    Returns:
        ``n`` distinct positions in the order they were picked. A GPU is not waited for before the last.
    """
    device = points.squared_norms().device
    ranks = torch.randperm(len(points), generator=generator).to(device)
    given = centres[torch.randperm(len(centres), generator=generator).to(device)]  # of equals the first owns
    picks, distances = _search(points, [given], n, ranks, lambda done: progress(done, n))
    near = (distances <= _resolution(points)).nonzero()[:1, 0].tolist() if n else []
    for found in near:  # the rest, with more digits
        whole: Any = points
        left = torch.ones_like(ranks, dtype=torch.bool).index_fill_(0, picks[:found], False).nonzero()[:, 0]
        known: list[Any] = [given, points[picks[:found]]]
        more, _ = _search(
            whole[left].double(), [part.double() for part in known], n - found, ranks[left], lambda done: None
        )
        picks[found:] = left[more]
    return picks


def _resolution(points: Any) -> float:
    """The squared distance up to which 32 bits tell nothing; -1 where there are no more bits to be had."""
    if points.squared_norms().dtype != torch.float32:
        return -1.0
    return points.resolution() if hasattr(points, "double") and hasattr(points, "resolution") else -1.0


def _search(
    points: Geometry, known: Sequence[Any], n: int, ranks: Tensor, progress: Callable[[int], None]
) -> tuple[Tensor, Tensor]:
    """``n`` picks, and the squared distance of each from its centre, infinite where there is none.

    Args:
        points: ``N`` points.
        known: centres.
        n: number of picks, at most ``N``.
        ranks: places of the points in a random order, which decides among equals.
        progress: told how many picks there are.
    """
    distances, owners = torch.full_like(points.squared_norms(), torch.inf), torch.zeros_like(ranks)
    count = 0
    for centres in known:
        assign_to_nearest(distances, owners, points, centres, count)
        count += len(centres)
    left = torch.ones_like(ranks, dtype=torch.bool)
    picks, reached = torch.zeros_like(ranks[:n]), torch.full_like(distances[:n], torch.inf)
    for step in range(n):
        if count + step == 0:
            pick = first_of_equals(points.squared_norms(), ranks)
        else:
            total, largest = cluster_sums(distances, owners, count + step).max(dim=0)
            inside = left & ((owners == largest) | (total == 0))  # where all coincide any may be picked
            pick = first_of_equals(distances.masked_fill(~inside, -torch.inf), ranks)
            reached[step] = distances[pick][0]
        picks[step : step + 1] = pick
        assign_to_nearest(distances, owners, points, points[pick], count + step)
        distances[pick] = 0
        left[pick] = False
        progress(step + 1)
    return picks, reached


def cluster_sums(
    distances: Float[Tensor, " n"], owners: Int64[Tensor, " n"], clusters: int
) -> Int64[Tensor, " k"]:
    """The sum of the members' distances of each cluster, up to a factor that all have in common.

    As whole numbers, so that it is the same in whatever order they are added up.

    Args:
        distances: ``n`` numbers, at least one, at least 0.
        owners: the cluster of each, ``n`` numbers.
        clusters: how many clusters there are.
    """
    largest = distances.amax().double()
    unit = torch.where(largest > 0, largest, 1.0) / 2 ** (BITS - len(distances).bit_length())
    whole = (distances.double() / unit).round_().long()
    return torch.zeros(clusters, dtype=torch.int64, device=distances.device).index_add_(0, owners, whole)
