"""Greedy coverage: points chosen so that every point has one near it, in memory linear in their number."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.gains import Gains, covered_by, with_digits
from alframe.ops.geometry import Geometry
from alframe.ops.kernels import Kernel


@dataclasses.dataclass(frozen=True, eq=False)
class Cover:
    """What `cover_greedy` chose.

    Attributes:
        picks: at most ``n`` distinct positions in the order they were picked.
        values: how well each point is covered, ``N`` numbers from 0 to 1: the largest kernel value between
            it and a centre or pick.
    """

    picks: Int64[Tensor, " k"]
    values: Float[Tensor, " n"]


def cover_greedy(
    points: Geometry,
    centres: Geometry,
    n: int,
    generator: torch.Generator,
    *,
    kernel: Kernel,
    weights: Float[Tensor, " n"] | None = None,
) -> Cover:
    """Repeatedly the point that adds most to ``sum_i w_i max_s k(i, s)``, ``s`` being centres and picks.

    The sum is monotone and submodular, so greedy picks reach 1 - 1/e of the largest (Nemhauser, Wolsey and
    Fisher, 1978). The gains of all points are summed once. A pick lowers them by what the points add that it
    covers better than before, ``|A|`` of ``N``: over a query these are about ``log((L + n) / L)`` times all
    pairs, or ``log(n)`` where nothing is covered at first. Of a top-hat each point is covered once, so they
    are all pairs at the most. What was subtracted leaves a rounding; where that may decide, gains are summed
    anew. Of equal gains the one that the generator's order has first is taken.

    Args:
        points: ``N`` points of any geometry, which cover and are covered.
        centres: points that cover already, of the same geometry; there may be none.
        n: number of picks; there are fewer once no point adds anything.
        generator: CPU generator of the order among equals.
        kernel: how well a point covers another.
        weights: ``N`` numbers of at least 0; 1 by default.

    Example:
        >>> from alframe import Euclidean
        >>> x = Euclidean(torch.tensor([[0.0], [1.0], [3.0]]))
        >>> cover_greedy(x, x[:0], 3, torch.Generator(), kernel=Kernel("gaussian", 1.0)).picks.tolist()
        [1, 2, 0]
    """
    points, centres = with_digits(points, centres, kernel)
    covered = covered_by(points, centres, kernel)
    ranks = ranks_of(len(points), generator).to(covered.device)
    if not len(points) or not n:
        return Cover(ranks[:0], covered)
    gains = Gains(points, kernel, weights, covered)
    return Cover(gains.pick(min(n, len(points)), ranks), gains.covered)


def ranks_of(n: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
    """Places of ``n`` points in a random order, on the CPU.

    Args:
        n: number of points.
        generator: CPU generator of the order.
    """
    order = torch.randperm(n, generator=generator)
    return torch.empty_like(order).index_copy_(0, order, torch.arange(n))
