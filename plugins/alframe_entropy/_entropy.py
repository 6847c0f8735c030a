"""Entropy of predictions, from logits."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def entropy(logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``-sum_c p_c log p_c`` in nats; a probability of exactly 0 adds 0.

    Args:
        logits: ``n x c`` tensor.
    """
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)
