"""One minus the margin of predictions, at least 0."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def one_minus_margin(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``1 - (p_1 - p_2)`` of the two largest probabilities.

    As the sum of all but the first, plus the second: next to 1 the small ones would be lost, and with them in
    what proportion sure predictions are drawn.

    Args:
        probs: ``n x c`` tensor.
    """
    others = probs.scatter(1, probs.argmax(dim=1, keepdim=True), 0.0)
    return others.sum(dim=1) + others.amax(dim=1)
