"""What selectors on any geometry share: who may be chosen, and distances from many points to a few."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.blocks import row_blocks
from alframe.ops.crew import over_rows
from alframe.ops.geometry import Geometry, in_memory, is_made, made


def lower_to_nearest(minima: Float[Tensor, " n"], points: Geometry, centres: Geometry) -> Float[Tensor, " n"]:
    """Lowers each point's squared distance to the nearest centre so far by those to more centres.

    Args:
        minima: ``n`` squared distances, ``inf`` where there is no centre yet; changed in place.
        points: ``n`` points of any geometry.
        centres: further centres, of the same geometry; there may be none.

    Returns:
        ``minima``. The memory used does not grow with ``n``. A query's workers share the points' blocks.

    Example:
        >>> from alframe import Euclidean
        >>> x = Euclidean(torch.tensor([[0.0], [1.0], [5.0]]))
        >>> lower_to_nearest(torch.full((3,), torch.inf), x, x[torch.tensor([0])]).tolist()
        [0.0, 1.0, 25.0]
    """
    if len(centres) == 0:
        return minima
    for some in in_memory(centres):
        blocks = row_blocks(len(points), max(len(some), _width(points)), minima.device)
        for block, nearest in over_rows(_nearest, points, some, blocks, spread=is_made(points)):
            torch.minimum(minima[block], nearest, out=minima[block])
    return minima


def _nearest(points: Geometry, centres: Geometry, block: slice) -> Tensor:
    return made(points, block).squared_distances(centres).amin(dim=1)


def assign_to_nearest(
    minima: Float[Tensor, " n"],
    owners: Int64[Tensor, " n"],
    points: Geometry,
    centres: Geometry,
    first: int = 0,
) -> None:
    """As `lower_to_nearest`, and notes which centre is each point's nearest; of equally near ones the first.

    Args:
        minima: ``n`` squared distances, ``inf`` where there is no centre yet; changed in place.
        owners: ``n`` numbers of centres; changed in place where another is nearer.
        points: ``n`` points of any geometry.
        centres: further centres, of the same geometry; there may be none.
        first: number of the first of these.

    Example:
        >>> from alframe import Euclidean
        >>> x = Euclidean(torch.tensor([[0.0], [1.0], [5.0]]))
        >>> minima, owners = torch.full((3,), torch.inf), torch.zeros(3, dtype=torch.int64)
        >>> assign_to_nearest(minima, owners, x, x[torch.tensor([0, 2])])
        >>> minima.tolist(), owners.tolist()
        ([0.0, 1.0, 0.0], [0, 0, 1])
    """
    for some in in_memory(centres) if len(centres) else ():
        for block in row_blocks(len(points), max(len(some), _width(points)), minima.device):
            nearest, which = points[block].squared_distances(some).min(dim=1)
            is_nearer = nearest < minima[block]
            owners[block] = torch.where(is_nearer, which + first, owners[block])
            torch.minimum(minima[block], nearest, out=minima[block])
        first += len(some)


def _width(points: Geometry) -> int:
    """Numbers of a point, where it says: so that blocks are the same wherever the points are kept."""
    width: int = getattr(points, "width", 0)
    return width


def eligible(points: Geometry, scores: Float[Tensor, " n"] | None) -> tuple[Geometry, Int64[Tensor, " m"]]:
    """The points that may be chosen, and their positions: a score of ``-inf`` means never.

    Args:
        points: ``n`` points of any geometry.
        scores: ``n`` scores, or None where all may be chosen.
    """
    if scores is None:
        return points, torch.arange(len(points), device=points.squared_norms().device)
    positions = (scores > -torch.inf).nonzero()[:, 0]
    return (points if len(positions) == len(points) else points[positions]), positions
