"""Gradient embeddings.

Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020,
arXiv 1906.03671.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LARGEST_RATIO = 40.0  # of logarithms: exp(40) squared is still a float32


def log_residuals(logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``log(1 - p_y)`` of each row; the largest is the scale of the gradient embeddings."""
    others = _others(logits, logits.max(dim=1, keepdim=True).indices)
    return others.logsumexp(dim=1) - logits.logsumexp(dim=1)


def residuals(logits: Float[Tensor, "n c"], log_factors: Float[Tensor, " n"]) -> Float[Tensor, "n c"]:
    """``(p - onehot(y)) / scale``, the gradient of the pseudo-label's loss in the logits.

    Formed as ``1 - p_y`` times the softmax over the other classes, so that nothing cancels or vanishes at
    logits of 100 where ``1 - p_y`` is no number of its own beside 1.

    Args:
        logits: ``n x c`` tensor.
        log_factors: `log_residuals` of them, less the logarithm of a common scale, which k-means++ does not
            see: ``n`` numbers.
    """
    label = logits.max(dim=1, keepdim=True).indices
    factors = log_factors.clamp(max=LARGEST_RATIO).exp_()
    return _others(logits, label).softmax(dim=1).scatter_(1, label, -1.0).mul_(factors[:, None])


def _others(logits: Tensor, label: Tensor) -> Tensor:
    return logits.scatter(1, label, -torch.inf)
