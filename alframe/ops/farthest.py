"""The farthest points from centres that become more, without a look at all points for each of them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.blocks import rows_per_block
from alframe.ops.crew import count
from alframe.ops.geometry import Geometry, is_made
from alframe.ops.nearest import lower_to_nearest

FRONT = 4096  # points among which the farthest are looked for, at least
LOOKED_AT = 256  # points that are compared with the latest centres at once, at least
SCATTERED = 1 / 8  # share of the points; more of them are not read one by one, but all in their order
ROWS_ELEMENTS = 1 << 22  # numbers of points that are read one by one at once


class Farthest:
    """Points by their squared distance to the nearest centre, which only falls as centres come.

    So a distance that was computed when there were fewer centres is an upper bound. Points whose bounds are
    below the distances of the farthest need no look: lazy greedy (Minoux, "Accelerated greedy algorithms for
    maximizing submodular set functions", 1978). The answers are those that all distances would give.

    What is kept takes 12 bytes a point, and another 16 while the front is formed.

    Args:
        points: ``N`` points of any geometry.
        distances: ``N`` squared distances to the nearest centre that there is already, ``-inf`` of points
            that are no answer; changed in place.
        generator: CPU generator of the order among equals.

    Attributes:
        bounds: ``N`` upper bounds of the squared distances; ``-inf`` of centres that were chosen.

    Example:
        >>> from alframe import Euclidean
        >>> x = Euclidean(torch.tensor([[0.0], [1.0], [5.0], [9.0]]))
        >>> farthest = Farthest(x, torch.full((4,), torch.inf), torch.Generator())
        >>> farthest.choose(torch.tensor([0]))
        >>> farthest.first(2).tolist(), farthest.bounds[farthest.first(2)].tolist()
        ([3, 2], [81.0, 25.0])
    """

    def __init__(self, points: Geometry, distances: Float[Tensor, " n"], generator: torch.Generator) -> None:
        self.bounds = distances
        self._points = points
        self._is_made = is_made(points)
        self._ranks = _ranks(len(points), generator).to(distances.device)
        self._chosen: list[Tensor] = []
        self._centres: Any = None
        self._total = 0
        self._known = torch.zeros_like(distances, dtype=torch.int32)  # centres that a bound takes account of
        self._front = self._known[:0].long()
        self._last = (torch.inf, -1)  # no point outside the front comes before this bound and rank

    def choose(self, picks: Int64[Tensor, " m"]) -> None:
        """Makes points centres."""
        if self._total and self._is_made:
            count(skipped=len(self.bounds))  # less what of it is looked at
        self._chosen.append(picks)
        self._total += len(picks)
        self._centres = None
        self.bounds[picks] = -torch.inf

    def rank(self, positions: Int64[Tensor, " m"]) -> Tensor:
        """Of equally far points that of least rank is first."""
        return self._ranks[positions]

    def first(self, n: int) -> Int64[Tensor, " n"]:
        """Positions of the ``n`` farthest points, or of all, farthest first; their `bounds` are exact."""
        n = min(n, len(self.bounds))
        looked_at, size = max(n, LOOKED_AT), max(4 * n, FRONT)
        while n:
            bounds = self.bounds[self._front]
            largest = bounds.topk(min(looked_at, len(bounds))).values
            if len(largest) < n:
                self._form_front(size)
                continue
            top = self._front[bounds >= largest[-1]]
            if len(self._stale(top[self.bounds[top] >= largest[n - 1]])):
                self._bring_up_to_date(self._stale(top))
                looked_at *= 2
                continue
            top = top[self.bounds[top].argsort(descending=True, stable=True)[:n]]
            if self._is_before_the_rest(top[-1]):
                return top
            self._form_front(size)
            size *= 4
        return self._front[:0]

    def _stale(self, positions: Int64[Tensor, " m"]) -> Int64[Tensor, " k"]:
        """Those of some points that have not been compared with all centres."""
        stale = (self._known[positions] < self._total) & (self.bounds[positions] > -torch.inf)
        return positions[stale]

    def _is_before_the_rest(self, position: Tensor) -> bool:
        """Whether no point outside the front can come before one."""
        value, (bound, rank) = float(self.bounds[position]), self._last
        return value > bound or (value == bound and int(self._ranks[position]) <= rank)

    def _form_front(self, size: int) -> None:
        """The ``size`` points of the largest bounds, of equal ones those of least rank, in order of rank."""
        if size >= len(self.bounds):
            front = torch.arange(len(self.bounds), device=self.bounds.device)
            self._last = (-torch.inf, len(front))
        else:
            least = self.bounds.topk(size, sorted=False).values.min()
            front, equal = (self.bounds > least).nonzero()[:, 0], (self.bounds == least).nonzero()[:, 0]
            equal = equal[self._ranks[equal].argsort()[: size - len(front)]]
            self._last = (float(least), int(self._ranks[equal[-1]]))
            front = torch.cat([front, equal])
        self._front = front[self._ranks[front].argsort()]

    def _bring_up_to_date(self, stale: Int64[Tensor, " m"]) -> None:
        """Compares points with the centres that they have not been compared with."""
        if self._centres is None:
            self._centres = self._points[torch.cat(self._chosen)]
        if len(stale) > SCATTERED * len(self.bounds):
            least = int(self._known[stale].min())
            lower_to_nearest(self.bounds, self._points, self._centres[least : self._total])
            self._known.fill_(self._total)
            self._looked_at(len(self.bounds))
            return
        self._looked_at(len(stale))
        lacking = self._total - self._known[stale]
        while len(stale):
            most = int(lacking.max())
            alike = 2 * lacking > most  # who lacks few is not compared with all that others lack
            self._fold(stale[alike], self._total - most)
            stale, lacking = stale[~alike], lacking[~alike]

    def _fold(self, rows: Int64[Tensor, " m"], first: int) -> None:
        width: int = getattr(self._points, "width", 1)
        centres = self._centres[first : self._total]
        for some in rows.split(rows_per_block(width, rows.device, ROWS_ELEMENTS)):
            self.bounds[some] = lower_to_nearest(self.bounds[some], self._points[some], centres)
        self._known[rows] = self._total

    def _looked_at(self, points: int) -> None:
        if self._is_made:
            count(skipped=-points)


def _ranks(n: int, generator: torch.Generator) -> Tensor:
    """``n`` numbers from 0 on in random order, int32."""
    order = torch.randperm(n, generator=generator)
    return torch.empty(n, dtype=torch.int32).index_copy_(0, order, torch.arange(n, dtype=torch.int32))
