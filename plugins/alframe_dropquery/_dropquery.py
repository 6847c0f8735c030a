"""How often dropped features change a prediction, and who is a candidate by that.

Gupte et al., TMLR 2024, arXiv 2401.14555; which candidates are enough is the authors' program's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from alframe.ops import LazyRows, dropout_mask, rows_per_block
from alframe_centroids.clusters import order_by_content

DRAWN_AT_ONCE = 4  # numbers of a mask: a block of so many rows has whole draws, be there few or many blocks


@torch.no_grad()
def share_of_changes(
    head: nn.Module,
    features: Float[Tensor, "n d"] | LazyRows,
    passes: int,
    rate: float,
    generator: torch.Generator,
) -> Float[Tensor, " n"]:
    """The share of the passes in which a sample's predicted class is another than without dropout.

    In a pass each sample has a mask of its own, ``z' = z * mask / (1 - rate)``.

    Args:
        head: maps features to logits.
        features: ``n x d`` tensor ``z``, or rows in files.
        passes: number of passes.
        rate: share of the features that is dropped.
        generator: CPU generator that seeds those of the masks, one a pass, on the device.

    Returns:
        ``n`` shares, 0 to 1.
    """
    changes = torch.zeros(len(features), dtype=features.dtype, device=features.device)
    masks = [_on(features.device, generator) for _ in range(passes)]
    classes = head(features[:1]).shape[1]
    rows = rows_per_block(max(features.shape[1], classes), features.device)
    for block in order_by_content(features, generator).split(max(1, rows // DRAWN_AT_ONCE) * DRAWN_AT_ONCE):
        z = features[block]
        label = head(z).argmax(dim=1)
        for mask in masks:
            dropped = dropout_mask(z, rate, mask).mul_(z).div_(1 - rate)
            changes[block] += head(dropped).argmax(dim=1) != label
    return changes.div_(passes)


def with_most_changes(
    shares: Float[Tensor, " n"], budget: int, passes: int, oversampling: float
) -> Int64[Tensor, " m"]:
    """Positions of the candidates: more changes than half of the passes, or than fewer if these are too few.

    Args:
        shares: ``n`` shares of the passes that changed the class.
        budget: number of samples to be chosen from the candidates.
        passes: number of passes.
        oversampling: candidates that are enough, for each sample of the budget.

    Example:
        >>> shares = torch.tensor([0, 1, 2, 3]) / 3
        >>> with_most_changes(shares, 1, 3, 2.0), with_most_changes(shares, 1, 3, 25.0)
        (tensor([2, 3]), tensor([1, 2, 3]))
    """
    for threshold in range(passes // 2, -1, -1):
        found = shares > (threshold + 0.5) / passes  # between two shares, so that rounding decides nothing
        if threshold == 0 or int(found.sum()) >= oversampling * budget:
            break
    return found.nonzero()[:, 0]


def _on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """A generator of the device that another seeds."""
    seed = int(torch.randint(1 << 62, (), generator=generator))
    return torch.Generator(device).manual_seed(seed)
