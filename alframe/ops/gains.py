"""What each point would add to a coverage, kept up to date from pick to pick."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.geometry import Geometry
from alframe.ops.kernels import Kernel, KernelBlocks
from alframe.ops.nearest import lower_to_nearest
from alframe.ops.ties import equal_from, first_of_equals

EQUAL = 1e-6  # gains that differ by no more than this share are equal
DOUBT = 1e-6  # of what was subtracted from a gain, the share by which it may be wrong
LOOKED_AT = 128  # gains summed anew at once
MOST_RISEN = 0.5  # share of points that rise in one step; above, all gains are summed anew

Sums = tuple[Tensor, Tensor, Tensor]


def with_digits(points: Any, centres: Any, kernel: Kernel) -> tuple[Geometry, Geometry]:
    """Points and centres, in 64 bits where the kernel is too narrow for distances of 32.

    Args:
        points: points of any geometry.
        centres: points of the same.
        kernel: how well a point covers another.
    """
    norms = points.squared_norms()
    if not (hasattr(points, "double") and hasattr(points, "resolution")):
        return points, centres
    if norms.dtype != torch.float32 or norms.device.type == "mps":
        return points, centres
    if not kernel.wants_digits(points.resolution()):
        return points, centres
    return points.double(), centres.double()


def covered_by(points: Geometry, centres: Geometry, kernel: Kernel) -> Float[Tensor, " n"]:
    """The largest kernel value between each point and a centre; 0 where there are no centres.

    Args:
        points: ``n`` points of any geometry.
        centres: points of the same.
        kernel: how well a point covers another.
    """
    norms = points.squared_norms()
    if not len(centres):
        return torch.zeros_like(norms)
    nearest = lower_to_nearest(torch.full_like(norms, torch.inf), points, centres)
    return kernel(nearest[:, None])[:, 0]


class Gains:
    """What each point would add, and how well each is covered.

    Sums are those of all pairs once, and what picks took from them since. Where rounding of the latter may
    decide, a sum is *mended*: made anew beside the others. So the sums depend on the points and picks alone,
    and not on who asked for the largest in between.

    Args:
        points: ``N`` points.
        kernel: how well a point covers another.
        weights: of the points, or None.
        covered: how well each is covered.
        sums: what `sums` gave for the same points, kernel and weights, in the place of ``covered``.

    Attributes:
        covered: how well each is covered.
    """

    def __init__(
        self,
        points: Geometry,
        kernel: Kernel,
        weights: Tensor | None,
        covered: Tensor,
        sums: Sums | None = None,
    ) -> None:
        self._blocks = KernelBlocks(points, kernel)
        self._doubt = 0.0 if weights is None and kernel.shape == "top-hat" else DOUBT  # counts are exact
        self._weights = torch.ones_like(covered)
        if weights is not None:  # at most 1, so that their sums are numbers
            self._weights = (weights / weights.max().clamp(min=torch.finfo(weights.dtype).tiny)).to(covered)
        if sums is None:
            self.covered = covered
            self._summed = torch.zeros_like(covered, dtype=torch.float64)
            self._sum_all()
        else:
            self.covered, self._summed, self._subtracted = (part.clone() for part in sums)
        self._forget()

    def sums(self) -> Sums:
        """How well each is covered, what each would add at first, and what was taken from that: copies."""
        return self.covered.clone(), self._summed.clone(), self._subtracted.clone()

    def values(self) -> Float[Tensor, " n"]:
        """What each point would add; ``-inf`` of what was picked."""
        return self._fresh - (self._subtracted - self._since)

    def made_sure(self) -> Float[Tensor, " n"]:
        """The same; those among which the largest may be are summed anew where rounding may decide."""
        while self._doubt and len(doubtful := self._doubtful()):
            if len(doubtful) > len(self._summed) / 2:
                doubtful = torch.arange(len(self._summed), device=self._summed.device)
                self._mend(doubtful, self._all_sums())
            else:
                self._mend(doubtful, self._sums_of(doubtful))
        return self.values()

    @property
    def are_doubtful(self) -> bool:
        """Whether rounding may decide among more than half of the points."""
        return bool(self._doubt) and len(self._doubtful()) > len(self._summed) / 2

    def leave_out(self, rows: Int64[Tensor, " m"]) -> None:
        """These points add nothing."""
        self._summed[rows] = -torch.inf
        self._fresh[rows] = -torch.inf

    def cover(self, pick: Int64[Tensor, " 1"]) -> None:
        """Covers what a pick covers, and lowers all gains by what they no longer add."""
        row = torch.cat([values[0] for _, values in self._blocks.across(pick)])
        before, self.covered = self.covered, torch.maximum(self.covered, row)
        risen = (self.covered > before).nonzero()[:, 0]
        self.leave_out(pick)
        if len(risen) > MOST_RISEN * len(row):
            self._sum_all()
            self._forget()
            return
        for rows in risen.split(self._blocks.side) if len(risen) else ():
            low, high = before[rows, None], self.covered[rows, None]
            for columns, values in self._blocks.across(rows):
                lost = torch.minimum(values, high, out=values).sub_(low).clamp_(min=0)
                self._subtracted[columns] += self._weights[rows] @ lost

    def pick(self, n: int, ranks: Int64[Tensor, " n"]) -> Int64[Tensor, " k"]:
        """Repeatedly the point that adds most, which is covered then.

        Args:
            n: most picks; there are fewer once no point adds anything.
            ranks: of equal gains the one of least rank is taken.
        """
        picks = [ranks[:0]]
        while len(picks) <= n:
            values = self.made_sure()
            if values.max() <= 0:
                break
            picks.append(first_of_equals(values, ranks, EQUAL))
            self.cover(picks[-1])
        return torch.cat(picks)

    def _doubtful(self) -> Int64[Tensor, " m"]:
        """Positions of those that may be the largest, and that rounding may have put in a wrong place.

        None where one alone may be the largest: by how much it is does not matter.
        """
        values, wrong = self.values(), self._doubt * (self._subtracted - self._since)
        most = values + wrong
        largest = (most >= equal_from((values - wrong).max(), EQUAL)).nonzero()[:, 0]
        if len(largest) == 1:
            return largest[:0]
        doubtful = largest[wrong[largest] > EQUAL * values[largest]]
        if len(doubtful) > len(values) / 2:
            return doubtful
        return doubtful[most[doubtful].topk(min(len(doubtful), LOOKED_AT)).indices]

    def _mend(self, rows: Int64[Tensor, " m"], sums: Float[Tensor, " m"]) -> None:
        """Puts sums in the place of what those of some points have become."""
        self._fresh[rows] = torch.where(self._summed[rows] == -torch.inf, -torch.inf, sums)
        self._since[rows] = self._subtracted[rows]

    def _forget(self) -> None:
        """Nothing is mended."""
        self._fresh, self._since = self._summed.clone(), torch.zeros_like(self._summed)

    def _sums_of(self, some: Int64[Tensor, " m"]) -> Float[Tensor, " m"]:
        """The gains of some points."""
        sums = torch.zeros_like(self._summed[some])
        for columns, values in self._blocks.across(some, width=self._blocks.side):
            more = values.sub_(self.covered[columns]).clamp_(min=0)
            sums += more @ self._weights[columns]
        return sums

    def _sum_all(self) -> None:
        """Sums the gains of all points."""
        self._summed = torch.where(self._summed == -torch.inf, -torch.inf, self._all_sums())
        self._subtracted = torch.zeros_like(self._summed)

    def _all_sums(self) -> Float[Tensor, " n"]:
        """The gains of all points; the kernel is symmetric, so one half of it is enough."""
        sums = torch.zeros_like(self._summed)
        for rows, columns, values in self._blocks.half():
            sums[rows] += (values - self.covered[columns]).clamp_(min=0) @ self._weights[columns]
            if rows != columns:
                more = values.sub_(self.covered[rows, None]).clamp_(min=0)
                sums[columns] += self._weights[rows] @ more
        return sums
