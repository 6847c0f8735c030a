"""Greedy coverage: points chosen so that every point has one near it, in memory linear in their number."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.geometry import Geometry
from alframe.ops.kernels import Kernel, KernelBlocks
from alframe.ops.nearest import lower_to_nearest
from alframe.ops.ties import first_of_equals

EQUAL = 1e-6  # gains that differ by no more than this share are equal
DOUBT = 1e-6  # of what was subtracted from a gain, the share by which it may be wrong
LOOKED_AT = 128  # gains summed anew at once
MOST_RISEN = 0.5  # share of points that rise in one step; above, all gains are summed anew


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
    points, centres = _with_digits(points, centres, kernel)
    covered = _covered_by(points, centres, kernel)
    order = torch.randperm(len(points), generator=generator)
    if not len(points) or not n:
        return Cover(order[:0].to(covered.device), covered)
    gains = _Gains(points, kernel, weights, covered)
    ranks = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order))).to(covered.device)
    picks: list[Tensor] = []
    while len(picks) < min(n, len(points)):
        values = gains.made_sure()
        if values.max() <= 0:
            break
        picks.append(first_of_equals(values, ranks, EQUAL))
        gains.cover(picks[-1])
    return Cover(torch.cat([order[:0].to(covered.device), *picks]), gains.covered)


def _with_digits(points: Any, centres: Any, kernel: Kernel) -> tuple[Geometry, Geometry]:
    """Points and centres, in 64 bits where the kernel is too narrow for distances of 32."""
    norms = points.squared_norms()
    if not (hasattr(points, "double") and hasattr(points, "resolution")):
        return points, centres
    if norms.dtype != torch.float32 or norms.device.type == "mps":
        return points, centres
    if not kernel.wants_digits(points.resolution()):
        return points, centres
    return points.double(), centres.double()


def _covered_by(points: Geometry, centres: Geometry, kernel: Kernel) -> Float[Tensor, " n"]:
    """The largest kernel value between each point and a centre; 0 where there are no centres."""
    norms = points.squared_norms()
    if not len(centres):
        return torch.zeros_like(norms)
    nearest = lower_to_nearest(torch.full_like(norms, torch.inf), points, centres)
    return kernel(nearest[:, None])[:, 0]


class _Gains:
    """What each point would add, and how well each is covered.

    Args:
        points: ``N`` points.
        kernel: how well a point covers another.
        weights: of the points, or None.
        covered: how well each is covered.

    Attributes:
        covered: how well each is covered.
    """

    def __init__(self, points: Geometry, kernel: Kernel, weights: Tensor | None, covered: Tensor) -> None:
        self._blocks = KernelBlocks(points, kernel)
        self._doubt = 0.0 if weights is None and kernel.shape == "top-hat" else DOUBT  # counts are exact
        self._weights = torch.ones_like(covered)
        if weights is not None:  # at most 1, so that their sums are numbers
            self._weights = (weights / weights.max().clamp(min=torch.finfo(weights.dtype).tiny)).to(covered)
        self.covered = covered
        self._summed = torch.zeros_like(covered, dtype=torch.float64)
        self._subtracted = torch.zeros_like(self._summed)
        self._sum_all()

    def values(self) -> Float[Tensor, " n"]:
        """What each point would add; ``-inf`` of what was picked."""
        return self._summed - self._subtracted

    def made_sure(self) -> Float[Tensor, " n"]:
        """The same; those among which the largest may be are summed anew where rounding may decide."""
        while self._doubt and len(doubtful := self._doubtful()):
            if len(doubtful) > len(self._summed) / 2:
                self._sum_all()
            else:
                self._sum(doubtful)
        return self.values()

    def cover(self, pick: Int64[Tensor, " 1"]) -> None:
        """Covers what a pick covers, and lowers all gains by what they no longer add."""
        row = torch.cat([values[0] for _, values in self._blocks.across(pick)])
        before, self.covered = self.covered, torch.maximum(self.covered, row)
        risen = (self.covered > before).nonzero()[:, 0]
        self._summed[pick] = -torch.inf
        if len(risen) > MOST_RISEN * len(row):
            self._sum_all()
            return
        for rows in risen.split(self._blocks.side):
            low, high = before[rows, None], self.covered[rows, None]
            for columns, values in self._blocks.across(rows):
                lost = torch.minimum(values, high, out=values).sub_(low).clamp_(min=0)
                self._subtracted[columns] += self._weights[rows] @ lost

    def _doubtful(self) -> Int64[Tensor, " m"]:
        """Positions of those that may be the largest, and that rounding may have put in a wrong place."""
        values, wrong = self.values(), self._doubt * self._subtracted
        most = values + wrong
        least = (values - wrong).max()
        doubtful = ((most >= least) & (wrong > EQUAL * values)).nonzero()[:, 0]
        if len(doubtful) > len(values) / 2:
            return doubtful
        return doubtful[most[doubtful].topk(min(len(doubtful), LOOKED_AT)).indices]

    def _sum(self, some: Int64[Tensor, " m"]) -> None:
        """Sums the gains of some points."""
        sums = torch.zeros_like(self._summed[some])
        for columns, values in self._blocks.across(some, width=self._blocks.side):
            more = values.sub_(self.covered[columns]).clamp_(min=0)
            sums += more @ self._weights[columns]
        self._summed[some], self._subtracted[some] = sums, 0

    def _sum_all(self) -> None:
        """Sums the gains of all points; the kernel is symmetric, so one half of it is enough."""
        sums = torch.zeros_like(self._summed)
        for rows, columns, values in self._blocks.half():
            sums[rows] += (values - self.covered[columns]).clamp_(min=0) @ self._weights[columns]
            if rows != columns:
                more = values.sub_(self.covered[rows, None]).clamp_(min=0)
                sums[columns] += self._weights[rows] @ more
        self._summed = torch.where(self._summed == -torch.inf, -torch.inf, sums)
        self._subtracted.zero_()
