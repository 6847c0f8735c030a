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
    return probs.scatter(1, probs.argmax(dim=1, keepdim=True), 0.0).sum(dim=1)
