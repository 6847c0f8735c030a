"""What of the samples a query looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from alframe import seeds
from alframe.errors import UsageError


def parted(unlabelled: Tensor, pending: Tensor, without: Tensor) -> tuple[Tensor, Tensor]:
    """The unlabelled samples that nobody is labelling, and those that somebody is: both ascending.

    Args:
        unlabelled: ascending positions.
        pending: positions in any order, some of them repeated or labelled already.
        without: positions of samples that are in neither.

    Raises:
        UsageError: nothing is left to ask for.
    """
    if len(without):
        unlabelled = unlabelled[~torch.isin(unlabelled, without)]
    free, taken = unlabelled, unlabelled[:0]
    if len(pending):  # looking for nothing costs a sort, too, and a round may have a thousand queries
        is_taken = torch.isin(unlabelled, pending)
        free, taken = unlabelled[~is_taken], unlabelled[is_taken]
    if not len(free):
        why = f"all {len(unlabelled)} unlabelled samples are pending: tell() their labels first"
        none = "the unlabelled pool is empty; Dataset.hide_labels() makes a pool of labelled samples"
        raise UsageError(why if len(unlabelled) else none)
    return free, taken


def drawn(pool: Tensor, size: int, seed: int, number: int) -> Tensor:
    """A random part of the pool, ascending.

    Args:
        pool: positions.
        size: how many; all where there are fewer.
        seed: the trial's.
        number: the round.
    """
    order = torch.randperm(len(pool), generator=seeds.generator(seed, number, "part of the pool"))
    return pool[order[:size].sort().values]


def top_up(picks: Tensor, missing: int, size: int, generator: torch.Generator) -> Tensor:
    """Positions that are drawn of those that nobody picked.

    Args:
        picks: what was picked of the pool.
        missing: how many are to be drawn.
        size: of the pool.
        generator: what draws.
    """
    free = torch.ones(size, dtype=torch.bool)
    free[picks] = False
    left = free.nonzero().squeeze(1)
    order = torch.randperm(len(left), generator=generator)
    return left[order[:missing]]
