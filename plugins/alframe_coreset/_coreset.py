"""k-centre greedy on any geometry, several picks a matrix product.

Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018,
arXiv 1708.00489, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from alframe import Geometry
from alframe.ops import Farthest, lower_to_nearest

SMALLEST_BLOCK, LARGEST_BLOCK = 32, 1024  # points looked at together


def k_centre_greedy(
    points: Geometry, centres: Sequence[Geometry], n: int, generator: torch.Generator
) -> Tensor:
    """Repeatedly the point farthest from all centres and picks so far.

    One pick at a time is a matrix-vector product, bound by memory. Here the points farthest from their
    centres form a block. From its own distances the picks inside it follow, for as long as the farthest point
    of the block comes before any point that was outside when the block was formed: distances only shrink, so
    no point outside can have been the farthest. One matrix product then serves all these picks. The next
    block is found by bounds (`Farthest`), so few points are compared with the picks. The answer is that of
    one pick at a time. Of equally far points each is as likely. Where all that is left is as near to centres
    as 32 bits can't tell from coinciding, as in tight clusters far apart, it goes on in 64.

    Args:
        points: ``N`` points of any geometry.
        centres: sets of points of the same geometry: the labelled ones, and those that are being labelled.
            Where there is no point, the first pick is drawn.
        n: number of picks, at most ``N``; there may be none to pick from.
        generator: CPU generator of the order among equals, and of the first pick where it has to be drawn.

    Returns:
        ``n`` distinct positions in the order they were picked.
    """
    minima = torch.full_like(points.squared_norms(), math.inf)
    if n == 0:
        return torch.empty(0, dtype=torch.int64, device=minima.device)
    for some in centres:
        lower_to_nearest(minima, points, some)
    picked: list[Tensor] = []
    if not any(map(len, centres)):
        picked.append(torch.randint(len(points), (1,), generator=generator).to(minima.device))
        lower_to_nearest(minima, points, points[picked[-1]])
        minima[picked[-1]] = -math.inf  # never again, also where points coincide
    whole: Any = points
    is_coarse = _can_be_finer(points)
    least = whole.resolution() if is_coarse else 0.0
    picked += _farthest(points, minima, n - len(picked), generator, least)
    if lacking := n - sum(map(len, picked)):
        left = (minima > -math.inf).nonzero()[:, 0]
        if is_coarse:
            fine = torch.full_like(minima[left], math.inf, dtype=torch.float64)
            rest = whole[left].double()
            for others in (*centres, *(whole[picks] for picks in picked)):
                lower_to_nearest(fine, rest, others.double())
            picked += [left[picks] for picks in _farthest(rest, fine, lacking, generator, 0.0)]
            left = left[fine > -math.inf]
        drawn = torch.randperm(len(left), generator=generator)[: n - sum(map(len, picked))]
        picked.append(left[drawn.to(left.device)])
    return torch.cat(picked)


def _can_be_finer(points: Any) -> bool:
    """Whether distances between the points are to be had with more digits."""
    norms = points.squared_norms()
    return (
        hasattr(points, "double")
        and hasattr(points, "resolution")
        and norms.dtype == torch.float32
        and norms.device.type != "mps"
    )


def _farthest(
    points: Geometry, minima: Tensor, n: int, generator: torch.Generator, least: float
) -> list[Tensor]:
    """Up to ``n`` picks, for as long as the farthest point is farther than ``least``.

    Args:
        points: ``N`` points.
        minima: ``N`` squared distances to the nearest centre, ``-inf`` of what is picked; changed in place,
            upper bounds afterwards.
        n: most picks.
        generator: of the order among equals.
        least: a squared distance.
    """
    picked: list[Tensor] = []
    farthest = Farthest(points, minima, generator)
    found, size = 0, SMALLEST_BLOCK
    while found < n:
        first = farthest.first(size + 1)
        values, ranks = minima[first], farthest.rank(first)
        if not len(first) or values[0] <= least:
            break
        outside = (float(values[size]), int(ranks[size])) if len(first) > size else (-math.inf, 0)
        order = ranks[:size].argsort()  # the first of equals is taken
        positions, ranks = first[order], ranks[order]
        block = points[positions]
        inside = _picks_of_block(
            minima[positions], ranks, block.squared_distances(block), outside, n - found, least
        )
        picked.append(positions[inside.to(positions.device)])
        farthest.choose(picked[-1])
        found += len(inside)
        size = min(max(2 * len(inside), SMALLEST_BLOCK), LARGEST_BLOCK)
    return picked


def _picks_of_block(
    values: Tensor, ranks: Tensor, distances: Tensor, outside: tuple[float, int], most: int, least: float
) -> Tensor:
    """Positions in the block, in the order picked.

    Args:
        values: ``m`` distances to the nearest centre.
        ranks: ``m`` ascending numbers.
        distances: ``m x m`` distances.
        outside: distance and rank of the first point that is not in the block.
        most: most picks.
        least: a distance that picks are above.
    """
    values, distances, numbers = values.cpu().clone(), distances.cpu(), ranks.tolist()
    picks: list[int] = []
    while len(picks) < most:
        farthest = int(values.argmax())
        value = float(values[farthest])
        if value < outside[0] or (value == outside[0] and numbers[farthest] > outside[1]) or value <= least:
            break
        picks.append(farthest)
        torch.minimum(values, distances[farthest], out=values)
        values[farthest] = -math.inf
    return torch.tensor(picks)
