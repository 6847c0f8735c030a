"""Margin of predictions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def minus_margin(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``p_2 - p_1`` of the two largest probabilities; where there is one class alone the second is 0.

    In two passes, which is several times as fast as `torch.topk`.

    Args:
        probs: ``n x c`` tensor.
    """
    first, label = probs.max(dim=1, keepdim=True)
    return probs.scatter(1, label, 0.0).amax(dim=1) - first[:, 0]
