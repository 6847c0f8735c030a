"""Draws by uncertainty and by distance from the picks, both in the space of probabilities.

Gilhuber et al., ECML-PKDD 2024, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def uncertainty(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``1 - (p_1 - p_2)`` of the two largest probabilities, in float64.

    Args:
        probs: ``n x c`` tensor; the second of one class alone is 0.
    """
    first, label = probs.max(dim=1, keepdim=True)
    second = probs.scatter(1, label, 0.0).amax(dim=1)
    return 1 - (first[:, 0].double() - second.double())


def chances(
    uncertain: Float[Tensor, " n"],
    distances: Float[Tensor, " n"],
    left: Bool[Tensor, " n"],
    gamma: float,
) -> Float[Tensor, " n"]:
    """How likely each row is the next pick, up to a factor.

    ``r^gamma`` with the relevance ``r = (d - min d) / (max d - min d) + u``, where the range is that of the
    rows that are left. Where all ``d`` are the same their part is 0; where all ``r`` are 0 all rows are as
    likely.

    Args:
        uncertain: ``n`` numbers ``u``, at least 0.
        distances: ``n`` numbers ``d``.
        left: which rows are no picks yet, at least one.
        gamma: the power.

    Returns:
        ``n`` numbers from 0 to 1; 0 of picks.
    """
    least = distances.masked_fill(~left, torch.inf).amin()
    spread = distances.masked_fill(~left, -torch.inf).amax() - least
    relevance = (distances - least) / torch.where(spread > 0, spread, 1.0) + uncertain
    largest = relevance.masked_fill(~left, 0.0).amax()
    shares = torch.where(largest > 0, relevance / largest, 1.0)
    return shares.pow(gamma).masked_fill_(~left, 0.0)


def draw_relevant(
    probs: Float[Tensor, "n c"],
    n: int,
    gamma: float,
    generator: torch.Generator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Int64[Tensor, " k"]:
    """Draws one row after the other, and lowers all distances to those from the pick.

    At first the distance ``d`` of a row is its uncertainty; each pick ``s`` lowers it to the sum of
    ``|p - p_s|`` where that is less. A GPU is not waited for.

    Args:
        probs: ``n x c`` tensor.
        n: number of picks, at most as many as there are rows.
        gamma: see `chances`.
        generator: CPU generator.
        progress: told how many picks of how many there are.

    Returns:
        Distinct positions in the order they were drawn.
    """
    uncertain = uncertainty(probs)
    distances, left = uncertain.clone(), torch.ones_like(uncertain, dtype=torch.bool)
    luck = torch.rand(n, generator=generator, dtype=torch.float64).to(probs.device)
    picks = torch.empty(n, dtype=torch.int64, device=probs.device)
    for step in range(n):
        cumulative = chances(uncertain, distances, left, gamma).cumsum(0)
        total = cumulative[-1:]
        drawn = torch.searchsorted(cumulative, luck[step : step + 1] * total, right=True)
        last = torch.searchsorted(cumulative, total)  # the product may be rounded up to the total
        picks[step : step + 1] = pick = torch.minimum(drawn, last)
        left[pick] = False
        distances = torch.minimum(distances, torch.cdist(probs, probs[pick], p=1)[:, 0].double())
        progress(step + 1, n)
    return picks
