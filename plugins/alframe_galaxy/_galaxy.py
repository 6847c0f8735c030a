"""Bisection between samples of opposite label in the order of a class, one class after another.

Zhang et al., "GALAXY: graph-based active learning at the extreme", ICML 2022, arXiv 2202.01402.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from alframe_galaxy.orders import Known, Orders


def picks(orders: Orders, known: Known, n: int, turn: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
    """The next samples, a class in turn for each; the predicted class stands for the labels of those before.

    Args:
        orders: of all samples.
        known: which have labels.
        n: how many, at most as many as there are others.
        turn: how many turns came before.
        generator: CPU generator, for classes that have no cut.

    Returns:
        ``n`` rows.
    """
    found: list[int] = []
    for step in range(n):
        before = known.and_predicted(found, orders)
        found.append(_pick(orders, before, (turn + step) % orders.num_classes, generator))
    return torch.tensor(found, dtype=torch.int64)


def _pick(orders: Orders, known: Known, label: int, generator: torch.Generator) -> int:
    order = orders.of(label)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    known_ranks, which = ranks[known.rows].sort()
    rank = next_rank(known_ranks, (known.labels == label)[which], len(order))
    if rank is None:
        # The k-th rank that is not known: as many known ones come before it as have fewer than k free before.
        k = torch.randint(len(order) - len(known_ranks), (1,), generator=generator)
        free_before = known_ranks - torch.arange(len(known_ranks))
        rank = int(k + torch.searchsorted(free_before, k, right=True))
    return int(order[rank])


def next_rank(ranks: Int64[Tensor, " k"], is_of_class: Bool[Tensor, " k"], size: int) -> int | None:
    """The rank to label next: between two opposite labels, or else beside them; None if there are none.

    Args:
        ranks: those with a label, ascending.
        is_of_class: whether their labels are the class.
        size: how many ranks there are.

    Returns:
        The middle of the shortest run of ranks without a label between two neighbours of opposite label, the
        first of them if several are as short. Where none has anything between, the rank without a label
        that is nearest to such a cut: above it if it is as near as one below, then the first.

    Example:
        >>> next_rank(torch.tensor([0, 3, 8, 9]), torch.tensor([True, True, False, False]), 10)
        5
    """
    between = ranks.diff() - 1
    is_opposite = is_of_class.diff()
    if not bool(is_opposite.any()):
        return None
    with_some = is_opposite & (between > 0)
    if bool(with_some.any()):
        shortest = int(torch.where(with_some, between, size).argmin())
        return int(ranks[shortest] + 1 + ranks[shortest + 1] - 1) // 2
    # All cuts lie inside unbroken runs of labels: what is free is before such a run, or after it.
    ends = torch.cat([between > 0, torch.tensor([True])]).nonzero()[:, 0]
    cuts = is_opposite.nonzero()[:, 0]
    run = torch.searchsorted(ends, cuts)
    starts = torch.cat([torch.tensor([0]), ends[:-1] + 1])
    above, below = ranks[starts[run]] - 1, ranks[ends[run]] + 1
    to_above = torch.where(above >= 0, ranks[cuts] - above, size)
    to_below = torch.where(below < size, below - ranks[cuts + 1], size)
    distances = torch.cat([to_above, to_below])
    nearest = int(distances.argmin())
    return None if distances[nearest] == size else int(torch.cat([above, below])[nearest])
