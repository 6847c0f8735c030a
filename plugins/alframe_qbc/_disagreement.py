"""How much the members of a committee disagree."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor


def consensus_divergence(members: Iterator[Float[Tensor, "n c"]]) -> Float[Tensor, " n"]:
    """``mean_t KL(p_t || mean p) = H(mean p) - mean_t H(p_t)`` in nats, never negative.

    The same as the mutual information of BALD with members in place of Monte Carlo passes.

    Args:
        members: each member's probabilities.
    """
    total: Tensor | None = None
    entropy: Tensor | None = None
    count = 0
    for probs in members:
        own = torch.special.entr(probs).sum(dim=1)
        total = probs.clone() if total is None else total.add_(probs)
        entropy = own if entropy is None else entropy.add_(own)
        count += 1
    assert total is not None
    assert entropy is not None
    return torch.special.entr(total.div_(count)).sum(dim=1).sub_(entropy.div_(count)).clamp_(min=0)


def vote_entropy(members: Iterator[Float[Tensor, "n c"]]) -> Float[Tensor, " n"]:
    """Entropy of the members' votes in nats.

    Args:
        members: each member's probabilities.
    """
    shares: Tensor | None = None
    count = 0
    for probs in members:
        shares = torch.zeros_like(probs) if shares is None else shares
        shares.scatter_add_(1, probs.argmax(dim=1, keepdim=True), torch.ones_like(probs[:, :1]))
        count += 1
    assert shares is not None
    return torch.special.entr(shares.div_(count)).sum(dim=1)
