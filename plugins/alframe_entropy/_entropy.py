"""Entropy of predictions, from logits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def entropy(logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``-sum_c p_c log p_c`` in nats; a probability of exactly 0 adds 0.

    Args:
        logits: ``n x c`` tensor.
    """
    log_p = logits.log_softmax(dim=1)
    log_p.clamp_(min=torch.finfo(log_p.dtype).min)  # 0 times a finite number is 0, times -inf NaN
    return log_p.exp().mul_(log_p).sum(dim=1).neg_()
