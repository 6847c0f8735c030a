"""Greedy search with information of a few ranks a sample, kept as small blocks.

Ash et al., NeurIPS 2021, arXiv 2106.09675, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alframe.ops import first_of_equals, row_blocks
from alframe_bait._shared import FALLEN, SMALLEST, TIE, Information

NEVER_WISE = -1e300  # a score that only rows which are taken are below


class BlockGreedy:
    """Greedy search by ``tr(B (I + A)^-1)``, the fall of ``tr(P F)``, or ``tr(B (I - A)^-1)``, its rise.

    ``A_i = V_i^T P V_i`` and ``B_i = V_i^T P F P V_i``, ``r x r`` each, are kept for all rows. A pick ``s``
    changes them by ``A -= a a^T`` and ``B -= a b^T + b a^T - a Q a^T``, where ``a = V_i^T W``,
    ``b = V_i^T P F W``, ``W = P V_s (I + A_s)^-1/2`` and ``Q = W^T F W``. In a removal all signs but that
    of ``Q`` are the others.

    Args:
        rows: ``n`` rows, at least one.
        information: ``M``, changed by each pick.
        fisher: ``cd x cd`` tensor ``F``.
        ranks: places of the rows in a random order, which decides among equals.
        sign: 1 to add rows, -1 to remove them.
    """

    def __init__(self, rows: Any, information: Information, fisher: Tensor, ranks: Tensor, sign: int) -> None:
        self._rows, self._information, self._fisher = rows, information, fisher
        self._ranks, self._sign = ranks, sign
        self._taken = torch.zeros_like(ranks, dtype=torch.bool)
        self._refresh()

    def pick(self, n: int, progress: Callable[[int], None]) -> Tensor:
        """Positions of ``n`` rows, in order; ``progress`` is told how many there are so far."""
        picked = [self._ranks[:0]]
        for done in range(1, n + 1):
            place = self._best()
            if self._trace(place) < FALLEN * self._then[place]:
                self._refresh()
                place = self._best()
            self._change_by(place)
            picked.append(place)
            progress(done)
        return torch.cat(picked)

    def _refresh(self) -> None:
        """``P``, ``A`` and ``B`` from their definitions."""
        factor = self._information.invert()
        self._a = self._rows.quadratic(self._information.inverse)
        inner = factor @ self._fisher @ factor.T
        self._b = self._rows.quadratic(factor.T @ inner @ factor)
        self._then = self._trace(slice(None))

    def _trace(self, place: Tensor | slice) -> Tensor:
        return self._b[place].diagonal(dim1=1, dim2=2).sum(dim=1)

    def _best(self) -> Tensor:
        """Position of the row of the largest score, the fall of ``tr(P F)`` or minus its rise."""
        solved = torch.linalg.solve_ex(self._inner(slice(None)), self._b).result
        scores = self._sign * solved.diagonal(dim1=1, dim2=2).sum(dim=1)
        if self._sign < 0:  # by rounding, where the row alone keeps M from being singular
            scores = torch.where(scores <= 0, scores, NEVER_WISE)
        return first_of_equals(scores.masked_fill_(self._taken, -torch.inf), self._ranks, TIE)

    def _inner(self, place: Tensor | slice) -> Tensor:
        """``I + A``, or ``I - A``."""
        unit = torch.eye(self._a.shape[1], dtype=self._a.dtype, device=self._a.device)
        return unit + self._sign * self._a[place]

    def _change_by(self, place: Tensor) -> None:
        """Adds or removes a row."""
        row, inverse = self._rows[place], self._information.inverse
        v = (row.columns()[0].T[:, :, None] * row.z.double()).flatten(1)
        values, vectors = torch.linalg.eigh(self._inner(place)[0])
        w = (vectors / values.clamp(min=SMALLEST).sqrt()).T @ v @ inverse
        of_fisher = w @ self._fisher
        y, q = of_fisher @ inverse, of_fisher @ w.T
        self._information.change(v, w, self._sign, 1)
        self._taken[place] = True
        classes, width = row.p.shape[1], row.z.shape[1]
        for block in row_blocks(len(self._rows), width + 4 * len(v) * (classes + len(v)), v.device):
            rows = self._rows[block]
            z = rows.z.double()
            a, b = (
                rows.projected((z @ part.view(-1, width).T).view(len(z), -1, classes).mT) for part in (w, y)
            )
            both = a @ b.mT
            self._a[block] -= self._sign * a @ a.mT
            self._b[block] += a @ q @ a.mT - self._sign * (both + both.mT)
