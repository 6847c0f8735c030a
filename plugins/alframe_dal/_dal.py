"""Logistic regression of being unlabelled, again and again within a query.

Gissin and Shalev-Shwartz, 2019, arXiv 1907.06347, algorithm 1, in the space of features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops import LazyRows
from alframe_centroids.clusters import order_by_content
from alframe_dal._logistic import TwoKinds, logistic

if TYPE_CHECKING:
    from alframe import Context
    from alframe_dal import Options


def told_apart(
    features: Float[Tensor, "n d"] | LazyRows,
    known: list[Tensor],
    budget: int,
    options: Options,
    ctx: Context,
) -> Int64[Tensor, " k"]:
    """Positions of the samples that are most surely unlabelled.

    Args:
        features: those of ``n`` unlabelled samples.
        known: features of labelled samples, ``l x d`` tensors; there may be none.
        budget: number of picks.
        options: parts of the query, unlabelled samples in each, and the penalty.
        ctx: generator and progress.

    Returns:
        As many distinct positions as the budget, or all; of each part of the query the surest first.
    """
    order = order_by_content(features, ctx.generator).cpu()
    left = torch.ones(len(order), dtype=torch.bool)
    picks = order[:0]
    weights = torch.zeros(features.shape[1] + 1, dtype=torch.float64, device=features.device)
    sizes = parts(min(budget, len(order)), options.subqueries)
    for part, size in enumerate(sizes):
        drawn = order[torch.randperm(len(order), generator=ctx.generator)]
        drawn = drawn[left[drawn]]
        labelled = sum(map(len, known)) + len(picks)
        if not labelled:
            chosen = drawn[:size]
        else:
            most = max(1, int(options.ratio * labelled))
            rows = torch.cat([picks, drawn[:most]])
            samples = TwoKinds(labelled, *known, _rows(features, rows))
            weights = logistic(samples, options.c, weights)
            # rounded, so that equal rows are equal in whichever blocks they are
            odds = samples.log_odds(weights, features).float().cpu()
            chosen = drawn[odds[drawn].argsort(descending=True, stable=True)[:size]]
        left[chosen] = False
        picks = torch.cat([picks, chosen])
        ctx.progress(part + 1, len(sizes))
    return picks.to(ctx.device)


def parts(budget: int, most: int) -> list[int]:
    """Sizes of the parts of a query, which differ by at most one; none is empty.

    Example:
        >>> parts(7, 3), parts(2, 3)
        ([3, 2, 2], [1, 1])
    """
    count = min(budget, most)
    return [budget // count + (part < budget % count) for part in range(count)]


def _rows(features: Tensor | LazyRows, rows: Tensor) -> Tensor | LazyRows:
    """Some of the rows; those in files stay there where they may not be held."""
    rows = rows.to(features.device)
    return features[rows] if isinstance(features, Tensor) else features.within_memory(rows)
