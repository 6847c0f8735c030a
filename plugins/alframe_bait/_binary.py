"""The binary likelihood: the predicted class against all others, whose information has rank one.

Ash et al., NeurIPS 2021, arXiv 2106.09675; the likelihood of Huseljic et al., "Fast Fishing: approximating
BAIT for efficient and scalable deep active image classification", ECML-PKDD 2024, arXiv 2404.08981.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from alframe.ops import row_blocks
from alframe_bait._rank_one import RankOneGreedy
from alframe_bait._shared import Information


def binary_weights(logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``sqrt(p (1 - p))`` of the likeliest class in float64, also where ``p`` is 1 in float32.

    Args:
        logits: ``n x c`` tensor.
    """
    logits = logits.double()
    largest, label = logits.max(dim=1, keepdim=True)
    others = logits.scatter(1, label, -torch.inf).logsumexp(dim=1)
    return ((largest[:, 0] + others) / 2 - logits.logsumexp(dim=1)).exp()


class BinaryRows:
    """Rows ``v_i = weight_i z_i``, which are built by blocks only.

    Args:
        z: ``n x d`` features.
        weights: ``n`` numbers in float64.
    """

    def __init__(self, z: Float[Tensor, "n d"], weights: Float[Tensor, " n"]) -> None:
        self.z = z
        self._weights = weights
        self._scratch = weights.new_empty(0, 0)

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, positions: Tensor) -> BinaryRows:
        """The rows at ``positions``, in that order."""
        return BinaryRows(self.z[positions], self._weights[positions])

    def scaled(self, factor: float) -> BinaryRows:
        """The same with all ``v`` times a factor."""
        return BinaryRows(self.z, factor * self._weights)

    def vectors(self, positions: Tensor | slice) -> Float[Tensor, "b d"]:
        """``v`` of some rows, in float64."""
        return self.z[positions].double() * self._weights[positions, None]

    def products(self, positions: slice, directions: Float[Tensor, "d k"]) -> Float[Tensor, "b k"]:
        """``v.w`` of some rows and ``k`` directions ``w``, in float64."""
        z = self.z[positions]
        if len(self._scratch) < len(z):  # a fresh one for each block costs as much as the product
            self._scratch = self._weights.new_empty(z.shape)
        return (self._scratch[: len(z)].copy_(z) @ directions).mul_(self._weights[positions, None])

    def information(self) -> Float[Tensor, "d d"]:
        """The sum of ``v v^T``, in float64."""
        width = self.z.shape[1]
        total = self._weights.new_zeros(width, width)
        for block in row_blocks(len(self), width, self.z.device):
            v = self.vectors(block)
            total.addmm_(v.T, v)
        return total

    def greedy(self, information: Information, fisher: Tensor, ranks: Tensor, sign: int) -> RankOneGreedy:
        """A search among these rows; see `RankOneGreedy`."""
        return RankOneGreedy(self, information, fisher, ranks, sign)
