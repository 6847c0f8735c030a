"""BAIT's forward and backward greedy search, whichever the likelihood.

Ash et al., "Gone fishing: neural active learning with Fisher embeddings", NeurIPS 2021, arXiv 2106.09675,
algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from alframe_bait._shared import Information

LEAST = 1e-14  # of F's mean eigenvalue: the regularization that rounding does not lose


class Greedy(Protocol):
    """A greedy search that adds rows to the information, or takes them from it."""

    def pick(self, n: int, progress: Callable[[int], None]) -> Tensor:
        """Positions of ``n`` rows, in order; ``progress`` is told how many there are so far."""
        ...


class Rows(Protocol):
    """Samples by their Fisher information ``V V^T`` in the weights of the last layer."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Tensor) -> Any:
        """The rows at ``positions``, in that order."""
        ...

    def scaled(self, factor: float) -> Any:
        """The same with all ``V`` times a factor."""
        ...

    def information(self) -> Tensor:
        """The sum of ``V V^T`` over all rows, in float64."""
        ...

    def greedy(self, information: Information, fisher: Tensor, ranks: Tensor, sign: int) -> Greedy:
        """A search among these rows.

        Args:
            information: ``M``, which the search changes.
            fisher: ``F``, the mean information over all samples.
            ranks: places of the rows in a random order, which decides among equals.
            sign: 1 to add what lowers ``tr(M^-1 F)`` most, -1 to remove what raises it least.
        """
        ...


def choose(
    pool: Rows,
    labelled: Rows,
    allowed: Tensor,
    n: int,
    *,
    regularization: float,
    oversampling: float,
    weigh_by_budget: bool,
    generator: torch.Generator,
    progress: Callable[[int, int], None],
) -> Tensor:
    """``n`` rows whose information, with that of the labelled ones, makes ``tr(M^-1 F)`` small.

    ``M = lambda I + sum_labelled I(x) / (L + n) + s^2 sum_picked I(x)``.

    Args:
        pool: ``N`` rows.
        labelled: ``L`` rows.
        allowed: positions in the pool of those that may be picked.
        n: number of picks, at least 1 and at most as many as are allowed.
        regularization: lambda, above 0; raised where it is lost beside ``F`` in 64 bits.
        oversampling: how many times ``n`` rows are picked before all but ``n`` are dropped.
        weigh_by_budget: ``s^2 = n / (L + n)``, as the authors' program has it, instead of ``1 / (L + n)``.
        generator: CPU generator of the order among equals.
        progress: told how many picks and drops are done, of how many.

    Returns:
        ``n`` distinct positions in the pool, in the order they were picked.
    """
    of_labelled = labelled.information()
    fisher = (pool.information() + of_labelled) / (len(pool) + len(labelled))
    total = len(labelled) + n
    regularization = max(regularization, LEAST * float(fisher.diagonal().mean()))
    of_labelled /= total
    of_labelled.diagonal().add_(regularization)
    information = Information(of_labelled, regularization)
    rows = pool if len(allowed) == len(pool) else pool[allowed]
    rows = rows.scaled(math.sqrt((n if weigh_by_budget else 1) / total))
    ranks = torch.randperm(len(rows), generator=generator).to(allowed.device)
    most = math.ceil(min(oversampling * n, len(rows)))
    steps = most + most - n

    added = rows.greedy(information, fisher, ranks, 1).pick(most, lambda done: progress(done, steps))
    if most == n:
        return allowed[added]
    backward = rows[added].greedy(information, fisher, ranks[added], -1)
    dropped = backward.pick(most - n, lambda done: progress(most + done, steps))
    stays = torch.ones_like(added, dtype=torch.bool).index_fill_(0, dropped, False)
    return allowed[added[stays]]
