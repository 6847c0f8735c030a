"""Which of equally good rows is taken: the order of a generator decides, not that of the file."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.blocks import row_blocks


def first_of_equals(
    values: Float[Tensor, " n"], ranks: Int64[Tensor, " n"], tolerance: float = 0.0
) -> Int64[Tensor, " 1"]:
    """Of the rows with the largest value the one of least rank. A GPU is not waited for.

    Args:
        values: ``n`` numbers, at least one; of all ``-inf`` the least rank is taken.
        ranks: places of the rows in a random order, ``n`` different numbers.
        tolerance: values that differ by no more than this share of the largest are equal. Equal rows differ
            by rounding where they are computed in blocks.

    Returns:
        One position.

    Example:
        >>> first_of_equals(torch.tensor([2.0, 5.0, 5.0]), torch.tensor([0, 2, 1])).tolist()
        [2]
    """
    equal = values >= equal_from(values.amax(), tolerance)
    return torch.where(equal, ranks, torch.iinfo(torch.int64).max).argmin(dim=0, keepdim=True)


def equal_from(largest: Tensor, tolerance: float) -> Tensor:
    """The least value that counts as equal to the largest.

    Args:
        largest: one or more values.
        tolerance: share of the largest.
    """
    return largest - tolerance * largest.abs() if tolerance else largest


def largest(values: Float[Tensor, " n"], k: int) -> Float[Tensor, " k"]:
    """The largest values, in descending order, in memory that does not grow with their number.

    Args:
        values: ``n`` numbers.
        k: how many, at most ``n``.

    Example:
        >>> largest(torch.tensor([1.0, 5.0, 3.0]), 2).tolist()
        [5.0, 3.0]
    """
    parts = [values[block] for block in row_blocks(len(values), 1, values.device)]
    if len(parts) > 1:  # torch.topk takes 16 bytes for each on the CPU
        values = torch.cat([part.topk(min(k, len(part))).values for part in parts])
    return values.topk(k).values
