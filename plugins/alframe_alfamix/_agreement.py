"""Where samples and anchors agree: features that eq. 5 of ALFA-Mix does not move.

Agreement on zero, as of dead units, is everywhere and cheap to see. Agreement on another value is rare in
real-valued features, and the rule in features that are rounded, one-hot or far from 0. It is looked for in a
table of the anchors' values by their hash, and what the table lets through is compared.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

MOST_BITS, LEAST_BITS, TABLE_BITS = 14, 10, 24  # of the hash, and of a table: 16 KB a feature, 16 MB in all
MULTIPLIERS = (
    -1640531527,
    -2048144777,
)  # odd numbers: Knuth's 2^32 over the golden ratio, xxHash's second prime


class Agreements:
    """Finds the values other than zero that samples share with anchors.

    Args:
        anchors: ``k x d`` tensor.
    """

    def __init__(self, anchors: Float[Tensor, "k d"]) -> None:
        d = anchors.shape[1]
        self._anchors = anchors
        self._bits = max(LEAST_BITS, min(MOST_BITS, TABLE_BITS - d.bit_length()))
        columns = torch.arange(d, device=anchors.device)
        self._middles = ((columns << self._bits) + (1 << (self._bits - 1))).to(torch.int32)
        self._tables = []
        for multiplier in MULTIPLIERS:
            table = torch.zeros(d << self._bits, dtype=torch.bool, device=anchors.device)
            table[self._slots(anchors, self._middles, multiplier)[anchors != 0].long()] = True
            self._tables.append(table)

    def _slots(self, numbers: Tensor, middles: Tensor, multiplier: int) -> Tensor:
        """The place in a table of each number: numbers of a column that are equal have the same."""
        bits = numbers.float().contiguous().view(torch.int32)
        return (bits * multiplier).bitwise_right_shift_(32 - self._bits).add_(middles)

    def among(
        self, features: Float[Tensor, "b d"]
    ) -> tuple[Int64[Tensor, " m"], Float[Tensor, " m"], Bool[Tensor, "k m"]]:
        """Columns and values that some sample and some anchor have in common, each pair once; no value is 0.

        Args:
            features: ``b x d`` tensor.

        Returns:
            ``m`` columns, their values, and which of the ``k`` anchors have that value there.
        """
        (many, few), (first, second) = self._tables, MULTIPLIERS
        maybe = many.index_select(0, self._slots(features, self._middles, first).view(-1))
        rows, columns = maybe.view(features.shape).nonzero().unbind(dim=1)
        values = features[rows, columns]
        slots = self._slots(values, self._middles.index_select(0, columns), second)
        left = (few.index_select(0, slots) & (values != 0)).nonzero()[:, 0]
        if len(left) == 0:  # known without waiting for the device once more
            return left, values[left], self._anchors.new_empty((len(self._anchors), 0), dtype=torch.bool)
        distinct, number = values.index_select(0, left).unique(return_inverse=True)
        pairs = (columns.index_select(0, left) * len(distinct) + number).unique()
        columns, values = pairs // len(distinct), distinct[pairs % len(distinct)]
        agree = self._anchors.index_select(1, columns) == values
        some = agree.any(dim=0).nonzero()[:, 0]
        return columns[some], values[some], agree.index_select(1, some)
