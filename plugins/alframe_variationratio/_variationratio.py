"""Votes that are not the majority's."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor


def variation_ratio(members: Iterator[Float[Tensor, "n c"]]) -> Float[Tensor, " n"]:
    """Share of the members that do not predict the class that most predict.

    Args:
        members: each member's probabilities.
    """
    votes = torch.stack([probs.argmax(dim=1) for probs in members], dim=1)
    agreeing = (votes[:, :, None] == votes[:, None, :]).sum(dim=2).amax(dim=1)
    return 1 - agreeing / votes.shape[1]
