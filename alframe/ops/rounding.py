"""What rounding leaves of squared distances that are differences of larger numbers."""

from __future__ import annotations

import torch
from torch import Tensor

# Roundings of squared norms; squared distances below them are 0, as those of coinciding points. The most that
# was seen are 28 and 72, of 8,192 equal numbers.
ROUNDINGS = {torch.float32: 32, torch.float64: 128}


def squared_distances_of(products: Tensor, norms: Tensor, other_norms: Tensor) -> Tensor:
    """``norms + other_norms - 2 products``, in place."""
    return without_rounding(products.mul_(-2).add_(norms[:, None]).add_(other_norms), norms)


def resolution_of(magnitudes: Tensor) -> float:
    """The squared distance up to which points of such magnitudes can not be told from coinciding ones."""
    return float(_thresholds(magnitudes).max()) if len(magnitudes) else 0.0


def _thresholds(magnitudes: Tensor) -> Tensor:
    """What rounding of sums of numbers of such magnitudes can't tell from 0."""
    return ROUNDINGS[magnitudes.dtype] * torch.finfo(magnitudes.dtype).eps * magnitudes


def without_rounding(distances: Tensor, magnitudes: Tensor) -> Tensor:
    """Sets to 0, in place, what rounding of sums of numbers of such magnitudes can't tell from 0."""
    threshold = _thresholds(magnitudes)
    if distances.device.type == "cpu" and distances.numel() and distances.amin() > threshold.max():
        return distances  # to look costs a third of writing
    return distances.masked_fill_(distances <= threshold[:, None], 0)
