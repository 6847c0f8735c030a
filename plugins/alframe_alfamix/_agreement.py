"""Where samples and anchors agree: features that eq. 5 of ALFA-Mix does not move.

Agreement on zero, as of dead units, is everywhere and cheap to see. Agreement on another value is rare in
real-valued features, and the rule in features that are rounded, one-hot or far from 0. It is looked for in a
table of the anchors' values by their hash, and what the table lets through is compared.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

HASH_BITS = 14  # 16 KB a feature; lets one of 160 numbers through by accident where there are 100 anchors
MULTIPLIER = -1640531527  # 2^32 over the golden ratio, as in Knuth's multiplicative hashing


class Agreements:
    """Finds the values other than zero that samples share with anchors.

    Args:
        anchors: ``k x d`` tensor.
    """

    def __init__(self, anchors: Float[Tensor, "k d"]) -> None:
        self._anchors = anchors
        d = anchors.shape[1]
        columns = torch.arange(d, device=anchors.device)
        self._middles = ((columns << HASH_BITS) + (1 << (HASH_BITS - 1))).to(torch.int32)
        self._table = torch.zeros(d << HASH_BITS, dtype=torch.bool, device=anchors.device)
        self._table[self._slots(anchors)[anchors != 0].long()] = True

    def _slots(self, rows: Tensor) -> Tensor:
        """The place in the table of each number: float32 numbers that are equal have the same."""
        bits = rows.float().contiguous().view(torch.int32)
        return (bits * MULTIPLIER).bitwise_right_shift_(32 - HASH_BITS).add_(self._middles)

    def among(
        self, features: Float[Tensor, "b d"]
    ) -> tuple[Int64[Tensor, " m"], Float[Tensor, " m"], Bool[Tensor, "k m"]]:
        """Columns and values that some sample and some anchor have in common, each pair once; no value is 0.

        Args:
            features: ``b x d`` tensor.

        Returns:
            ``m`` columns, their values, and which of the ``k`` anchors have that value there.
        """
        maybe = self._table.index_select(0, self._slots(features).view(-1)).view(features.shape)
        rows, columns = maybe.nonzero().unbind(dim=1)
        distinct, number = features[rows, columns].unique(return_inverse=True)
        pairs = (columns * len(distinct) + number).unique()
        columns, values = pairs // max(1, len(distinct)), distinct[pairs % max(1, len(distinct))]
        agree = (self._anchors[:, columns] == values) & (values != 0)
        some = agree.any(dim=0)
        return columns[some], values[some], agree[:, some]
