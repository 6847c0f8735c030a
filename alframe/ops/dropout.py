"""Dropout masks, four numbers from each draw: torch makes one of each, and takes several times as long."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

STEPS = 1 << 16  # what 16 random bits can tell apart


def dropout_mask(
    like: Float[Tensor, "..."], rate: float, generator: torch.Generator | None = None
) -> Float[Tensor, "..."]:
    """Draws which numbers of a tensor are kept.

    Args:
        like: gives shape, dtype and device.
        rate: share that is dropped, 0 to below 1; rounded to a 65,536th.
        generator: one of the tensor's device; torch's global one by default.

    Returns:
        Ones, and zeros where a number is dropped, each drawn on its own.

    Example:
        >>> mask = dropout_mask(torch.empty(1000, 100), 0.25, torch.Generator().manual_seed(0))
        >>> round(mask.mean().item(), 2)
        0.75
    """
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
    words.random_(torch.iinfo(torch.int64).min, None, generator=generator)
    bits = words.view(torch.int16)[: like.numel()].view(like.shape)
    dropped = min(round(rate * STEPS), STEPS - 1)
    mask = torch.empty(like.shape, dtype=like.dtype, device=like.device)
    return torch.ge(bits, dropped - STEPS // 2, out=mask)
