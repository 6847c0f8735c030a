"""Greedy maximisation of a determinant: pivoted Cholesky, several pivots a matrix product.

Holzmueller et al., JMLR 24 (2023), arXiv 2203.09410, section 5.2.2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops import equal_from, first_of_equals
from alframe_maxdet._posterior import Posterior

TIE = 1e-9  # of the largest variance: points that are equal differ by rounding, and by less
BLOCK = 512  # points that are looked at together


def largest_variances(
    posterior: Posterior, n: int, generator: torch.Generator, progress: Callable[[int, int], None]
) -> Int64[Tensor, " k"]:
    """Repeatedly the point of the largest variance given all picks before it.

    That is the point that raises the determinant of the kernel matrix most. Variances only fall. So the
    points of the largest ones form a block, and the picks inside it follow from its own covariances for as
    long as the best of the block is better than any point outside was when the block was formed. One matrix
    product then serves all these picks. The answer is that of one pick at a time.

    Args:
        posterior: of all points; told of the picks.
        n: number of picks, at most as many as there are points.
        generator: CPU generator of the order among equals.
        progress: told how many picks of how many there are.

    Returns:
        Distinct positions in the order they were picked; fewer where a variance with its noise is not
        positive, as can be where distances are none of vectors.
    """
    ranks = torch.randperm(len(posterior.variances), generator=generator).to(posterior.variances.device)
    picked: list[Tensor] = [ranks[:0]]
    found = 0
    while found < n:
        positions, outside = _block(posterior.variances, ranks, BLOCK)
        inside = picks_of_block(
            posterior.variances[positions],
            posterior.covariances(positions),
            ranks[positions],
            outside,
            n - found,
        )
        if not len(inside):
            break
        picked.append(positions[inside.to(positions.device)])
        posterior.observe(picked[-1])
        posterior.variances[picked[-1]] = -torch.inf  # never again
        found += len(inside)
        progress(found, n)
    return torch.cat(picked)


def picks_of_block(
    variances: Float[Tensor, " m"],
    covariances: Float[Tensor, "m m"],
    ranks: Int64[Tensor, " m"],
    outside: float,
    most: int,
) -> Int64[Tensor, " k"]:
    """Positions in the block, in the order picked.

    Args:
        variances: of the points of the block with noise, ``-inf`` of picks; the next pick is among them.
        covariances: of the same.
        ranks: places of the points in a random order.
        outside: the largest variance, with noise, of a point outside.
        most: how many picks.

    Returns:
        At least one, unless no variance with its noise is positive.
    """
    values, covariances, ranks = variances.cpu().clone(), covariances.cpu(), ranks.cpu()
    columns = torch.empty(min(most, len(values)), len(values), dtype=values.dtype)
    picks: list[int] = []
    while len(picks) < len(columns):
        best, step = values.amax(), len(picks)
        if best <= 0 or (picks and outside >= equal_from(best, TIE)):
            break
        place = int(first_of_equals(values, ranks, TIE))
        known = columns[:step]
        columns[step] = (covariances[place] - known[:, place] @ known) / values[place].sqrt()
        values -= columns[step].square()
        values[place] = -torch.inf
        picks.append(place)
    return torch.tensor(picks, dtype=torch.int64)


def _block(variances: Tensor, ranks: Tensor, size: int) -> tuple[Tensor, float]:
    """Positions of the points of largest variance, the next pick for sure, and the largest outside."""
    values = variances.clone()
    values[first_of_equals(values, ranks, TIE)] = torch.inf
    largest, positions = values.topk(min(size + 1, len(values)))
    outside = float(largest[size]) if len(largest) > size else -torch.inf
    return positions[:size], outside
