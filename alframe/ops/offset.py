"""What rows have in common, however large, costs distances no digits once it is taken away."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SAMPLED = 1024  # rows that are looked at
FAR = 10.0  # times nearer to one another than to the origin, in squared distance: 3 bits are lost till then


def common_offset(rows: Float[Tensor, "n d"]) -> Float[Tensor, " d"] | None:
    """A point amid the rows if they lie far from the origin and near one another, else None.

    ``|x|^2 + |y|^2 - 2 x.y`` is wrong by the rounding of ``|x|^2``. With an offset of 1,000 standard
    deviations that is more than the distance in float32. Medians decide, which a few outliers do not move.

    Args:
        rows: ``n x d`` tensor. Those of 16 bits always have a point: less it, they become float32.

    Returns:
        ``d`` numbers, float32 or float64. Less the point, rows that are near it lose nothing by rounding.

    Example:
        >>> common_offset(torch.tensor([[999.0], [1000.0], [1002.0]]))
        tensor([1000.])
        >>> common_offset(torch.tensor([[-1.0], [0.0], [2.0]])) is None
        True
    """
    narrow = rows.dtype in (torch.float16, torch.bfloat16)
    if len(rows) == 0:
        return rows.new_zeros(rows.shape[1], dtype=torch.float32) if narrow else None
    sample = rows[:: -(-len(rows) // SAMPLED)]
    sample = sample.float() if narrow else sample
    middle = _medians(sample)
    near, far = (differences.square().sum(dim=1).median() for differences in (sample - middle, sample))
    return middle if narrow or near < far / FAR else None


def _medians(rows: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """The median of each column, the upper one where there are two."""
    place = len(rows) // 2
    if rows.device.type != "cpu":
        return rows.sort(dim=0).values[place]
    columns = rows.detach().T.contiguous().numpy()  # numpy's partition takes a twentieth of torch's sort
    return torch.from_numpy(np.partition(columns, place, axis=1)[:, place].copy())
