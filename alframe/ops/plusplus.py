"""k-means++ seeding on any geometry, several picks a matrix product.

Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from alframe.ops.geometry import Geometry
from alframe.ops.nearest import lower_to_nearest
from alframe.ops.seeding import drawn

SMALLEST_BLOCK, LARGEST_BLOCK = 16, 1024  # candidates drawn together


def kmeans_plus_plus(
    points: Geometry,
    n: int,
    generator: torch.Generator,
    seeds: Geometry | None = None,
    *,
    power: float = 2.0,
    first: Literal["longest", "any"] = "longest",
) -> Tensor:
    """First a point of largest norm, then each with probability proportional to its squared distance.

    Where there are seeds already, all are drawn so: these are the picks that come after them. The distance
    is that to the nearest seed or pick.

    One pick at a time is a matrix-vector product, bound by memory. Here a block of candidates is drawn from
    the present law at once, and each is accepted with probability ``d_now / d_then``, where ``d_now`` counts
    the picks accepted in this block before it. That is rejection sampling: the law of the picks is exactly
    that of one at a time, and one matrix product serves all that were accepted.

    Args:
        points: ``N`` points of any geometry.
        n: number of picks, at most ``N``; there may be none to pick from.
        generator: CPU generator.
        seeds: earlier seeds, of the same geometry.
        power: that of the distance, above 0; of 2, probabilities are proportional to its square.
        first: where there are no seeds, which point comes first: the longest, or any of them.

    Returns:
        ``n`` distinct positions in the order they were picked. Once all points coincide with picks, the
        rest is drawn uniformly.

    Example:
        >>> from alframe import Euclidean
        >>> x = Euclidean(torch.tensor([[1.0], [1.0], [5.0]]))
        >>> sorted(kmeans_plus_plus(x, 2, torch.Generator().manual_seed(0)).tolist())[-1]
        2
    """
    norms = points.squared_norms()
    if n == 0:
        return torch.empty(0, dtype=torch.int64, device=norms.device)
    squared = torch.full_like(norms, torch.inf)
    if seeds is not None and len(seeds):
        lower_to_nearest(squared, points, seeds)
        picks = torch.empty(0, dtype=torch.int64, device=norms.device)
    else:
        picks = (norms == norms.max()).nonzero()[:, 0]
        if first == "any":
            picks = torch.arange(len(norms), device=norms.device)
        if len(picks) > 1:
            picks = picks[torch.randint(len(picks), (1,), generator=generator).to(picks.device)]
    latest, size = picks, SMALLEST_BLOCK
    while len(picks) < n:
        lower_to_nearest(squared, points, points[latest])
        squared[latest] = 0
        if squared.max() == 0:
            rest = (
                torch.ones(len(points), dtype=torch.bool).index_fill_(0, picks.cpu(), False).nonzero()[:, 0]
            )
            order = torch.randperm(len(rest), generator=generator)[: n - len(picks)]
            return torch.cat([picks, rest[order].to(picks.device)])
        draws, luck = torch.rand(2, size, generator=generator, dtype=torch.float64).to(squared.device)
        law = _raised(squared, power)
        candidates = drawn(law, draws)
        block = points[candidates]
        same = candidates[:, None] == candidates
        distances = block.squared_distances(block).masked_fill_(same, 0)
        accepted = _accepted(law[candidates], _raised(distances, power), luck, n - len(picks))
        latest = candidates[accepted.to(candidates.device)]
        picks = torch.cat([picks, latest])
        size = 2 * size if 2 * len(accepted) > size else size // 2
        size = min(max(size, SMALLEST_BLOCK), LARGEST_BLOCK)
    return picks


def _raised(squared: Tensor, power: float) -> Tensor:
    """A power of distances whose squares are given. In 64 bits, where small ones don't vanish."""
    return squared if power == 2 else squared.double().pow(power / 2)


def _accepted(then: Tensor, distances: Tensor, luck: Tensor, most: int) -> Tensor:
    """Positions in the block, ascending, by what draws had then, what is between them, and uniforms."""
    now, distances, threshold = then.cpu().clone(), distances.cpu(), (luck * then).cpu()
    accepted: list[int] = []
    start = 0
    while len(accepted) < most:
        rejected = threshold[start:] >= now[start:]  # so NaN is accepted, and the loops end
        left = (~rejected).nonzero()[:1, 0]
        if len(left) == 0:
            break
        accepted.append(start + int(left))
        start = accepted[-1] + 1
        torch.minimum(now, distances[accepted[-1]], out=now)
    return torch.tensor(accepted)
