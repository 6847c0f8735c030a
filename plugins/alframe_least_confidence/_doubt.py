"""How little a prediction is sure of."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def doubt(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``1 - p_1`` as the sum of the other probabilities.

    Next to 1 the difference has no digits left: of sure predictions all would be equal.

    Args:
        probs: ``n x c`` tensor.
    """
    label = probs.max(dim=1, keepdim=True).indices  # on the CPU faster than argmax
    return probs.scatter(1, label, 0.0).sum(dim=1)
