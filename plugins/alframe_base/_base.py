"""Distances to the boundaries between classes of a linear head, and a share of the budget for each class.

Emam et al., 2021, arXiv 2111.12880.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from alframe import UsageError
from alframe.ops import LazyRows, row_blocks

COLUMN_ELEMENTS = (
    1 << 24
)  # distances that are held at once, 64 MB of float32: of all samples, to some classes


class _Nearest(NamedTuple):
    """Of each sample the predicted class, its logit, and the distance to the nearest other class."""

    label: Int64[Tensor, " n"]
    logit: Float[Tensor, " n"]
    distance: Float[Tensor, " n"]


@torch.no_grad()
def nearest_to_boundaries(
    head: nn.Module,
    features: Float[Tensor, "n d"] | LazyRows,
    may_be_picked: Bool[Tensor, " n"],
    budget: int,
    generator: torch.Generator,
) -> Int64[Tensor, " k"]:
    """For each class in turn the samples nearest to its boundary that no class before it has taken.

    The distance of a sample to the boundary of class ``c`` is ``(l_y - l_c) / |W_y - W_c|`` where ``y`` is
    its predicted class and ``l`` its logits; for ``c = y`` it is the least of those to other classes. The
    classes come in random order, and the first have one sample more where the budget is no multiple.

    Args:
        head: a linear layer.
        features: ``n x d`` tensor, or rows in files, which are read for all classes once and for each some.
        may_be_picked: which samples.
        budget: number of samples.
        generator: CPU generator of the order of the classes, and of the order among equals.

    Returns:
        Up to ``budget`` distinct positions: the nearest of each class, then the second of each, and so on.

    Raises:
        UsageError: the head is no linear layer.
    """
    head(features[:1])  # a head whose weights can't be used says so
    if not isinstance(head, nn.Linear):
        raise UsageError(
            "base measures distances to the boundaries of a linear head, and this head is none: "
            "pass head=(W, b), or a network whose head is a torch.nn.Linear"
        )
    budget = min(budget, int(may_be_picked.sum()))
    gaps = torch.cdist(head.weight, head.weight, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = _nearest_others(head, features, gaps)
    among_equals = torch.randperm(len(features), generator=generator).to(features.device)
    classes = torch.randperm(len(head.weight), generator=generator)[:budget].to(features.device)
    taken = ~may_be_picked
    picks, ranks = [classes[:0]], [classes[:0]]
    for some in classes.split(max(1, COLUMN_ELEMENTS // max(1, len(features)))):
        for distances in _distances(head, features, gaps, nearest, some):
            count = budget // len(head.weight) + (len(picks) <= budget % len(head.weight))
            distances = distances.clamp(max=torch.finfo(distances.dtype).max).masked_fill_(taken, torch.inf)
            picks.append(among_equals[distances[among_equals].topk(count, largest=False).indices])
            ranks.append(torch.arange(count, device=features.device))
            taken[picks[-1]] = True
    return torch.cat(picks)[torch.cat(ranks).argsort(stable=True)]


def _nearest_others(head: nn.Linear, features: Tensor | LazyRows, gaps: Float[Tensor, "c c"]) -> _Nearest:
    parts = []
    width = max(features.shape[1], len(gaps))
    for block in row_blocks(len(features), width, features.device):
        logits = head(features[block])
        logit, label = logits.max(dim=1)
        distances = _over(logit[:, None] - logits, gaps[label])
        distances.scatter_(1, label[:, None], torch.inf)
        parts.append(_Nearest(label, logit, distances.amin(dim=1)))
    return _Nearest(*map(torch.cat, zip(*parts, strict=True)))


def _distances(
    head: nn.Linear,
    features: Tensor | LazyRows,
    gaps: Float[Tensor, "c c"],
    nearest: _Nearest,
    classes: Tensor,
) -> Float[Tensor, "g n"]:
    """Distances of all samples to the boundaries of some classes."""
    weight, bias = head.weight[classes], None if head.bias is None else head.bias[classes]
    gaps = gaps[:, classes]
    distances = gaps.new_empty(len(classes), len(features))
    for block in row_blocks(len(features), max(features.shape[1], len(classes)), features.device):
        logits = nn.functional.linear(features[block], weight, bias)
        label = nearest.label[block]
        to_others = _over((nearest.logit[block, None] - logits).clamp_(min=0), gaps[label])
        is_own = label[:, None] == classes
        distances[:, block] = torch.where(is_own, nearest.distance[block, None], to_others).T
    return distances


def _over(gap: Tensor, norm: Tensor) -> Tensor:
    """``gap / norm``; classes of equal weights have no boundary, or lie on it everywhere."""
    return torch.where(gap > 0, gap / norm, 0.0)
