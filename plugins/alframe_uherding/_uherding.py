"""Uncertainties between 0 and 1, and the width of a kernel that narrows as labels come.

Bae, Oliveira and Sutherland, ICLR 2025, arXiv 2412.20644, section 4.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Euclidean
from alframe.ops import row_blocks


def margin(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``1 - (p_1 - p_2)`` of the two largest probabilities."""
    first, label = probs.max(dim=1, keepdim=True)
    return 1 - (first[:, 0] - probs.scatter(1, label, 0.0).amax(dim=1))


def entropy(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """Entropy over that of equal probabilities; one of exactly 0 adds 0."""
    most = math.log(max(2, probs.shape[1]))
    return (torch.special.entr(probs).sum(dim=1) / most).clamp_(max=1)


def confidence(probs: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
    """``1 - p_1``."""
    return 1 - probs.amax(dim=1)


UNCERTAINTIES = {"margin": margin, "entropy": entropy, "confidence": confidence}


def smallest_distance(features: Float[Tensor, "n d"]) -> float | None:
    """The smallest positive distance between two rows of unit length; None where there are no two such rows.

    Rows that float32 can't tell from equal ones are equal: their distance, some 1e-4 by rounding, would be
    the width of a kernel that covers nothing.

    Args:
        features: ``n x d`` tensor.
    """
    rows = normalize(features)
    equal = Euclidean(rows).resolution()
    points = Euclidean(rows.double())
    smallest = math.inf
    for block in row_blocks(len(rows), len(rows), rows.device):
        squared = points[block].squared_distances(points)
        apart = squared[squared > equal]
        smallest = min(smallest, float(apart.min()) if len(apart) else math.inf)
    return math.sqrt(smallest) if smallest < math.inf else None
