"""Mutual information of predictions and parameters, from a stream of passes.

Gal et al., ICML 2017, arXiv 1703.02910, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from alframe.ops import by_blocks


def mutual_information(passes: Iterable[Tensor]) -> Tensor:
    """``H(mean_t p_t) - mean_t H(p_t)`` in nats; a probability of exactly 0 adds 0.

    Args:
        passes: ``T`` tensors of ``n x c`` probabilities, at least one; two sums are kept, not the passes.

    Returns:
        ``n`` numbers, at least 0.
    """
    total = entropies = torch.zeros(())
    count = 0
    for probs in passes:
        count += 1
        total = probs.clone() if count == 1 else total.add_(probs)
        entropies = _entropy(probs) if count == 1 else entropies.add_(_entropy(probs))
    of_mean = by_blocks(lambda block: _entropy(block / count), total)
    return (of_mean - entropies / count).clamp_(min=0)


def _entropy(probs: Tensor) -> Tensor:
    return by_blocks(lambda block: torch.special.entr(block).sum(dim=1), probs)
