"""ALFA-Mix by trial: caps that grow in steps, and heads that are not linear.

Parvaneh et al., CVPR 2022, arXiv 2203.07034, equations 5 and 6; the growing caps are the authors' program's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops import LazyRows
from alframe_alfamix._alfamix import label_and_residual, unit

BLOCK_ROWS = 4096  # samples whose mixed points pass through the head at once


def growing_caps(cap: float, growth: bool) -> list[float]:
    """``cap, 2 cap, ...`` up to 1 with ``growth``, else ``cap`` alone."""
    steps = math.floor(1 / cap + 1e-9) if growth else 1
    return [cap * step for step in range(1, max(steps, 1) + 1)]


def candidates(scores: Float[Tensor, " n"], budget: int, cap: float, growth: bool) -> Int64[Tensor, " m"]:
    """Positions of the samples whose flip threshold lies below the cap (eq. 6).

    With ``growth`` the cap grows in steps until there are as many as the budget, or it has reached 1.

    Args:
        scores: ``n`` scores, minus the flip thresholds.
        budget: number of samples to be chosen from the candidates.
        cap: first cap.
        growth: whether it grows.
    """
    for grown in growing_caps(cap, growth):
        found = (-scores < grown).nonzero()[:, 0]
        if len(found) >= budget:
            break
    return found


@torch.no_grad()
def flip_thresholds_by_steps(
    head: Callable[[Tensor], Tensor],
    features: Float[Tensor, "n d"] | LazyRows,
    anchors: Float[Tensor, "k d"],
    caps: Sequence[float],
) -> Float[Tensor, " n"]:
    """Flip thresholds for any head, to the step of the caps: the head is evaluated at the mixed points.

    A sample whose class first changes at ``caps[j]`` has the threshold ``caps[j-1]``, or 0 where ``j`` is 0,
    so that it is a candidate at just those caps that exceed its threshold.

    Args:
        head: maps ``b x d`` features to ``b x c`` logits; differentiable.
        features: ``n x d`` tensor of features of the samples, or rows in files.
        anchors: ``k x d`` tensor of anchors.
        caps: caps to try, ascending.

    Returns:
        ``n`` thresholds; ``inf`` where no anchor changes the class at any cap.
    """
    return torch.cat([_block(head, block, anchors, caps) for block in features.split(BLOCK_ROWS)])


def _block(head: Callable[[Tensor], Tensor], z: Tensor, anchors: Tensor, caps: Sequence[float]) -> Tensor:
    label, direction = _label_and_direction(head, z)
    thresholds = z.new_full((len(z),), math.inf)
    for below, cap in zip([0.0, *caps[:-1]], caps, strict=True):
        for anchor in anchors:
            left = thresholds.isinf().nonzero()[:, 0]
            if len(left) == 0:
                return thresholds
            difference = anchor - z[left]
            length = cap / math.sqrt(z.shape[1]) * difference.norm(dim=1, keepdim=True)
            move = length * direction[left] * (difference != 0)  # eq. 5 put into eq. 1
            flipped = head(z[left] + move).argmax(dim=1) != label[left]
            flipped &= move.any(dim=1)  # in another batch a tie may be rounded otherwise without any move
            thresholds[left[flipped]] = below
    return thresholds


def _label_and_direction(head: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Pseudo-label and ``g/||g||``; 0 where the gradient is 0, so that the sample does not move."""
    with torch.enable_grad():
        leaf = z.detach().clone().requires_grad_()
        logits = head(leaf)
        label, residual = label_and_residual(logits.detach())
        (gradient,) = torch.autograd.grad(logits, leaf, grad_outputs=residual)
    return label[:, 0], unit(gradient)
