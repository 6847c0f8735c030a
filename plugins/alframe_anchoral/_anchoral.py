"""A few labelled samples of each class, far apart, and the union of their neighbours.

Lesci and Vlachos, NAACL 2024, arXiv 2404.05623, section 3; the draw is k-means++'s: Arthur and Vassilvitskii,
"k-means++: the advantages of careful seeding", SODA 2007.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops import drawn
from alframe_seals.filtering import at_unit_length


def anchors_of_classes(
    features: Float[Tensor, "l d"], targets: Int64[Tensor, " l"], count: int, generator: torch.Generator
) -> Int64[Tensor, " a"]:
    """``count`` labelled samples of each class, all of a class that has no more.

    Args:
        features: ``l x d`` tensor, brought to unit length here.
        targets: their classes.
        count: anchors of a class.
        generator: CPU generator.

    Returns:
        Positions in the labelled set, class after class.
    """
    unit, _ = at_unit_length(features)
    order = targets.argsort(stable=True)
    members = order.split(targets.bincount().tolist())
    anchors = [
        of_class if len(of_class) <= count else of_class[spread_out(unit[of_class], count, generator)]
        for of_class in members
    ]
    return torch.cat(anchors) if anchors else order


def spread_out(x: Float[Tensor, "m d"], count: int, generator: torch.Generator) -> Int64[Tensor, " count"]:
    """Distinct rows one after the other, more likely the larger the squared distance to the nearest.

    Args:
        x: ``m x d`` tensor of float64.
        count: fewer than ``m``.
        generator: CPU generator. The first row is drawn uniformly, and so are rows once all distances are 0.
    """
    uniforms = torch.rand(count, generator=generator, dtype=torch.float64).to(x.device)
    free = torch.ones(len(x), dtype=x.dtype, device=x.device)
    law, minima = free, torch.full_like(free, torch.inf)
    picks = []
    for uniform in uniforms:
        picks.append(drawn(law, uniform[None]))
        free[picks[-1]] = 0
        minima = torch.minimum(minima, (x - x[picks[-1]]).square().sum(dim=1))
        law = minima * free
        law = torch.where(law.sum() > 0, law, free)
    return torch.cat(picks)


def nearest_on_average(
    nearest: Int64[Tensor, "a k"], distances: Float[Tensor, "a k"], at_most: int | None
) -> Int64[Tensor, " m"]:
    """The union of the anchors' neighbours, or those nearest on average to the anchors that have them.

    Between rows of unit length the squared distance is 2 - 2 cos: the least mean has the largest similarity.

    Args:
        nearest: positions of each anchor's neighbours.
        distances: squared distances of these.
        at_most: how many are kept; None means all.

    Returns:
        Ascending positions.

    Example:
        >>> nearest, distances = torch.tensor([[2, 5], [5, 7]]), torch.tensor([[0.1, 0.4], [0.0, 0.3]])
        >>> nearest_on_average(nearest, distances, 2).tolist()
        [2, 5]
    """
    positions, which = nearest.flatten().unique(return_inverse=True)
    if at_most is None or len(positions) <= at_most:
        return positions
    sums = torch.zeros(len(positions), dtype=torch.float64, device=positions.device)
    sums.index_add_(0, which, distances.flatten().double())
    means = sums / which.bincount()
    return positions[means.argsort(stable=True)[:at_most]].sort().values
