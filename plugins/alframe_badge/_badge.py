"""Gradient embeddings, and k-means++ seeding on any geometry, several picks a matrix product.

Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020,
arXiv 1906.03671; Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from alframe import Geometry
from alframe.ops import drawn, lower_to_nearest

SMALLEST_BLOCK, LARGEST_BLOCK = 16, 1024  # candidates drawn together
LARGEST_RATIO = 40.0  # of logarithms: exp(40) squared is still a float32


def log_residuals(logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``log(1 - p_y)`` of each row; the largest is the scale of the gradient embeddings."""
    others = _others(logits, logits.max(dim=1, keepdim=True).indices)
    return others.logsumexp(dim=1) - logits.logsumexp(dim=1)


def residuals(logits: Float[Tensor, "n c"], log_factors: Float[Tensor, " n"]) -> Float[Tensor, "n c"]:
    """``(p - onehot(y)) / scale``, the gradient of the pseudo-label's loss in the logits.

    Formed as ``1 - p_y`` times the softmax over the other classes, so that nothing cancels or vanishes at
    logits of 100 where ``1 - p_y`` is no number of its own beside 1.

    Args:
        logits: ``n x c`` tensor.
        log_factors: `log_residuals` of them, less the logarithm of a common scale, which k-means++ does not
            see: ``n`` numbers.
    """
    label = logits.max(dim=1, keepdim=True).indices
    factors = log_factors.clamp(max=LARGEST_RATIO).exp_()
    return _others(logits, label).softmax(dim=1).scatter_(1, label, -1.0).mul_(factors[:, None])


def _others(logits: Tensor, label: Tensor) -> Tensor:
    return logits.scatter(1, label, -torch.inf)


def kmeans_plus_plus(
    points: Geometry, n: int, generator: torch.Generator, seeds: Geometry | None = None
) -> Tensor:
    """First a point of largest norm, then each with probability proportional to its squared distance.

    Where there are seeds already, all are drawn so: these are the picks that come after them.

    One pick at a time is a matrix-vector product, bound by memory. Here a block of candidates is drawn from
    the present law at once, and each is accepted with probability ``d_now / d_then``, where ``d_now`` counts
    the picks accepted in this block before it. That is rejection sampling: the law of the picks is exactly
    that of one at a time, and one matrix product serves all that were accepted.

    Args:
        points: ``N`` points of any geometry.
        n: number of picks, at most ``N``; there may be none to pick from.
        generator: CPU generator.
        seeds: earlier seeds, of the same geometry.

    Returns:
        ``n`` distinct positions in the order they were picked. Once all points coincide with picks, the
        rest is drawn uniformly.
    """
    norms = points.squared_norms()
    if n == 0:
        return torch.empty(0, dtype=torch.int64, device=norms.device)
    law = torch.full_like(norms, torch.inf)
    if seeds is not None and len(seeds):
        lower_to_nearest(law, points, seeds)
        picks = torch.empty(0, dtype=torch.int64, device=norms.device)
    else:
        picks = (norms == norms.max()).nonzero()[:, 0]
        if len(picks) > 1:
            picks = picks[torch.randint(len(picks), (1,), generator=generator).to(picks.device)]
    latest, size = picks, SMALLEST_BLOCK
    while len(picks) < n:
        lower_to_nearest(law, points, points[latest])
        law[latest] = 0
        if law.max() == 0:
            rest = (
                torch.ones(len(points), dtype=torch.bool).index_fill_(0, picks.cpu(), False).nonzero()[:, 0]
            )
            order = torch.randperm(len(rest), generator=generator)[: n - len(picks)]
            return torch.cat([picks, rest[order].to(picks.device)])
        draws, luck = torch.rand(2, size, generator=generator, dtype=torch.float64).to(law.device)
        candidates = drawn(law, draws)
        block = points[candidates]
        same = candidates[:, None] == candidates
        distances = block.squared_distances(block).masked_fill_(same, 0)
        accepted = _accepted(law[candidates], distances, luck, n - len(picks))
        latest = candidates[accepted.to(candidates.device)]
        picks = torch.cat([picks, latest])
        size = 2 * size if 2 * len(accepted) > size else size // 2
        size = min(max(size, SMALLEST_BLOCK), LARGEST_BLOCK)
    return picks


def _accepted(then: Tensor, distances: Tensor, luck: Tensor, most: int) -> Tensor:
    """Positions in the block, ascending: ``m`` distances when drawn, ``m x m`` distances, ``m`` uniforms."""
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
