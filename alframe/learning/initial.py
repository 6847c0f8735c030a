"""The initial labelled set: how the samples are chosen that are labelled before any network is trained."""

from __future__ import annotations

import torch
from torch import Tensor


def initial_set(order: Tensor, oracle: Tensor, size: int, how: str) -> Tensor:
    """The samples labelled at the start.

    Args:
        order: every position of the pool in random order, the same for all strategies at one seed.
        oracle: every label, ``M`` class numbers.
        size: how many; the whole pool where that is smaller.
        how: ``"random"``, or ``"balanced"``: as many of each class as can be, short classes filled up
            from the others.

    Returns:
        Positions in the data set: int64.
    """
    if how == "balanced":
        # The i-th sample of its class comes before any (i+1)-th: take the classes in turn.
        labels = oracle[order]
        turn = torch.zeros_like(labels)
        for label in labels.unique():
            of_class = labels == label
            turn[of_class] = torch.arange(int(of_class.sum()))
        order = order[turn.argsort(stable=True)]
    return order[:size]
