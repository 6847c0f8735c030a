"""Greedy search with rank-one information, several picks a matrix product.

Ash et al., NeurIPS 2021, arXiv 2106.09675, algorithm 1, for information of the form ``v v^T``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from alframe.ops import equal_from, first_of_equals, row_blocks
from alframe_bait._shared import FALLEN, SMALLEST, TIE, Information

CANDIDATES = 1024  # rows among which several picks are looked for
SMALLEST_BLOCK, LARGEST_BLOCK = 4, 64  # picks that are looked for together


class Vectors(Protocol):
    """Rows ``v``, which are built when they are asked for."""

    def __len__(self) -> int: ...

    def vectors(self, positions: Tensor | slice) -> Tensor:
        """``v`` of some rows, in float64: ``b x d``."""
        ...

    def products(self, positions: slice, directions: Tensor) -> Tensor:
        """``v.w`` of some rows and ``d x k`` directions: ``b x k``."""
        ...


class Steps(NamedTuple):
    """Picks one after the other, as they are if no row beats the candidates.

    Attributes:
        picks: ``m`` positions.
        w: ``m x d`` tensor; a pick changes ``P = M^-1`` by ``-w w^T``, a removal by ``w w^T``.
        y: ``m x d`` tensor, ``P F w``.
        q: ``m`` numbers, ``w.F w``.
        best: ``m`` scores, the largest of a candidate at each step.
        fallen: ``m`` truth values, whether rounding may show in the numbers of the pick.
    """

    picks: Tensor
    w: Tensor
    y: Tensor
    q: Tensor
    best: Tensor
    fallen: Tensor

    def first(self, count: int) -> Steps:
        """The first of them."""
        return Steps(*(part[:count] for part in self))


class RankOneGreedy:
    """Greedy search by ``b / (1 + a)``, the fall of ``tr(P F)``, or by ``b / (1 - a)``, its rise.

    ``a_i = v_i.P v_i`` and ``b_i = v_i.P F P v_i`` are kept for all rows. A pick ``s`` changes them by
    ``a -= alpha^2`` and ``b -= 2 alpha beta - q alpha^2``, where ``alpha = v_i.w``, ``beta = v_i.P F w``,
    ``w = P v_s / sqrt(1 + a_s)`` and ``q = w.F w``. In a removal all signs but that of ``q`` are the others.

    Two matrix-vector products a pick are bound by memory. Here several picks are found among the rows that
    are best at first; one matrix product then gives what every row scores at each of these steps. The picks
    before the first step at which a row outside is as good are those of one pick at a time, and the others
    are looked for anew. A GPU is waited for once a block.

    Args:
        rows: ``n`` rows, at least one.
        information: ``M``, changed by each pick.
        fisher: ``d x d`` tensor ``F``.
        ranks: places of the rows in a random order, which decides among equals.
        sign: 1 to add rows, -1 to remove them.
    """

    def __init__(
        self, rows: Vectors, information: Information, fisher: Tensor, ranks: Tensor, sign: int
    ) -> None:
        self._rows, self._information, self._fisher = rows, information, fisher
        self._ranks, self._sign = ranks, sign
        self._taken = torch.zeros_like(ranks, dtype=torch.bool)
        self._refresh()

    def pick(self, n: int, progress: Callable[[int], None]) -> Tensor:
        """Positions of ``n`` rows, in order; ``progress`` is told how many there are so far."""
        picked = [self._ranks[:0]]
        found, size = 0, SMALLEST_BLOCK
        while found < n:
            candidates = self._candidates()
            steps = self._look_ahead(candidates, min(size, n - found))
            after, best_outside = self._after(steps, candidates)
            good = (best_outside < equal_from(steps.best, TIE)) & ~steps.fallen
            good[0] = ~steps.fallen[0]
            accepted = int(good.cumprod(0).sum())
            rounding = False
            if accepted < len(good):
                rounding = bool(steps.fallen[accepted])
                steps = steps.first(accepted)
                after = self._after(steps, candidates)[0] if accepted else self._numbers
            self._accept(steps, after, refresh=rounding)
            picked.append(steps.picks)
            found += accepted
            grown = 2 * accepted if accepted == size else accepted
            size = min(max(grown, SMALLEST_BLOCK), LARGEST_BLOCK)
            progress(found)
        return torch.cat(picked)

    def _refresh(self) -> None:
        """``P``, ``a`` and ``b`` from their definitions, by ``u = R v`` with ``R^T R = P``."""
        factor = self._information.invert()
        inner = factor @ self._fisher @ factor.T
        self._numbers = inner.new_empty(2, len(self._rows))  # a and b
        for block in row_blocks(len(self._rows), 3 * len(inner), inner.device):
            u = self._rows.vectors(block) @ factor.T
            self._numbers[0, block] = u.square().sum(dim=1)
            self._numbers[1, block] = torch.linalg.vecdot(u @ inner, u).clamp_(min=0)
        self._b_then = self._numbers[1]

    def _accept(self, steps: Steps, numbers: Tensor, *, refresh: bool) -> None:
        """Makes steps that were looked ahead.

        Args:
            steps: the picks.
            numbers: ``a`` and ``b`` of all rows after them.
            refresh: whether these are to be computed from their definitions.
        """
        v = self._rows.vectors(steps.picks)
        self._information.change(v, steps.w, self._sign, len(v))
        self._numbers = numbers
        self._taken[steps.picks] = True
        if refresh:
            self._refresh()

    def _scores(self, numbers: Tensor, taken: Tensor) -> Tensor:
        """The fall of ``tr(P F)``, or minus its rise; ``-inf`` of rows that are taken."""
        a, b = numbers
        return (b / self._inner(a)).masked_fill_(taken, -torch.inf)

    def _inner(self, a: Tensor) -> Tensor:
        """``a + 1``; in a removal ``a - 1``, which is below 0 but for rounding."""
        inner = a + self._sign
        return inner if self._sign > 0 else inner.clamp_(max=-SMALLEST)

    def _changes(self, alpha: Tensor, beta: Tensor, q: Tensor) -> Tensor:
        """What a step adds to ``a`` and ``b``."""
        changes = alpha.new_empty(2, *alpha.shape)
        torch.mul(alpha, alpha, out=changes[0]).mul_(-self._sign)
        torch.mul(alpha, q, out=changes[1]).sub_(beta, alpha=2 * self._sign).mul_(alpha)
        return changes

    def _candidates(self) -> Tensor:
        """Positions of the best rows, and of the next pick for sure."""
        scores = self._scores(self._numbers, self._taken)
        scores[first_of_equals(scores, self._ranks, TIE)] = torch.inf
        return scores.topk(min(CANDIDATES, len(scores))).indices

    def _look_ahead(self, candidates: Tensor, m: int) -> Steps:
        """``m`` steps among the candidates."""
        v, numbers = self._rows.vectors(candidates), self._numbers[:, candidates]
        taken, ranks, b_then = (part[candidates] for part in (self._taken, self._ranks, self._b_then))
        w, y = v.new_empty(2, m, v.shape[1])
        made = []
        for t in range(m):
            scores = self._scores(numbers, taken)
            place = first_of_equals(scores, ranks, TIE)
            a, b = numbers[:, place]
            fallen = b < FALLEN * b_then[place]
            w[t] = self._applied(v[place], w[:t]) / self._inner(a).abs().sqrt()
            of_fisher = w[t : t + 1] @ self._fisher
            y[t] = self._applied(of_fisher, w[:t])
            q = of_fisher @ w[t]
            made.append((candidates[place], q, scores.max()[None], fallen))
            numbers = numbers + self._changes(v @ w[t], v @ y[t], q)
            taken[place] = True
        picks, q, best, fallen = (torch.cat(parts) for parts in zip(*made, strict=True))
        return Steps(picks, w, y, q, best, fallen)

    def _applied(self, row: Tensor, w: Tensor) -> Tensor:
        """``P`` times a row, ``P`` as it is after steps that are not accepted yet: a ``1 x d`` tensor."""
        return row @ self._information.inverse - self._sign * (row @ w.T) @ w

    def _after(self, steps: Steps, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """What the steps lead to.

        Returns:
            ``a`` and ``b`` of all rows after the steps, and ``m`` scores: the largest of a row that is no
            candidate, before each step. Before the first nothing is looked for: it is right.
        """
        excluded = self._taken.index_fill(0, candidates, True)
        numbers, m = self._numbers.clone(), len(steps.q)
        best = steps.q.new_full((m,), -torch.inf)
        directions = torch.cat([steps.w, steps.y]).T
        for block in row_blocks(len(self._rows), len(directions) + 12 * m, numbers.device):
            alpha, beta = self._rows.products(block, directions).split(m, dim=1)
            states = self._changes(alpha, beta, steps.q).cumsum_(dim=2).add_(numbers[:, block, None])
            scores = self._scores(states[..., :-1], excluded[block, None])
            best[1:] = torch.maximum(best[1:], scores.amax(dim=0))
            numbers[:, block] = states[..., -1]
        return numbers, best
