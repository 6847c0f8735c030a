"""Clusters of unit-length rows that are the same in whatever order the rows stand.

Gupte et al., TMLR 2024, arXiv 2401.14555: the sample nearest to each of ``n`` k-means centres.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe.ops import LazyRows, by_blocks, kmeans, nearest_to_centres


def eligible_rows(
    features: Float[Tensor, "n d"] | LazyRows, scores: Float[Tensor, " n"] | None
) -> tuple[Float[Tensor, "m d"] | LazyRows, Int64[Tensor, " m"]]:
    """The rows that may be chosen, and their positions: a score of ``-inf`` means never.

    Args:
        features: ``n x d`` tensor, or rows in files.
        scores: ``n`` scores, or None where all may be chosen.
    """
    if scores is None:
        return features, torch.arange(len(features), device=features.device)
    positions = (scores > -torch.inf).nonzero()[:, 0]
    if len(positions) == len(features):
        return features, positions
    return (features[positions] if isinstance(features, Tensor) else features.part(positions)), positions


def order_by_content(
    rows: Float[Tensor, "n d"] | LazyRows, generator: torch.Generator
) -> Int64[Tensor, " n"]:
    """An order of the rows that depends on what they hold, and not on where they stand.

    Whatever is drawn row by row in this order is the same for the same rows in another one. Rows are ordered
    along a direction that is drawn; equal rows are as they stand.

    Args:
        rows: ``n x d`` tensor, or rows in files.
        generator: CPU generator of the direction.

    Returns:
        ``n`` positions.

    Example:
        >>> rows = torch.tensor([[3.0], [1.0], [2.0]])
        >>> order = order_by_content(rows, torch.Generator().manual_seed(0))
        >>> rows[order][1]
        tensor([2.])
    """
    direction = torch.randn(rows.shape[1], generator=generator, dtype=torch.float64).to(rows.device)
    # in 32 bits some of many rows would coincide, and be as they stand
    return by_blocks(lambda block: block.double() @ direction, rows).argsort(stable=True)


def unit_rows(
    rows: Float[Tensor, "n d"] | LazyRows, order: Int64[Tensor, " m"]
) -> Float[Tensor, "m d"] | LazyRows:
    """The rows at ``order``, a copy of them, at unit length; a row of zeros stays one.

    Rows in files stay there where they may not be held.
    """
    x = rows[order] if isinstance(rows, Tensor) else rows.within_memory(order)
    return normalize(x, out=x) if isinstance(x, Tensor) else x.each(normalize)


def nearest_to_means(
    features: Float[Tensor, "n d"] | LazyRows, budget: int, generator: torch.Generator
) -> Int64[Tensor, " k"]:
    """The row nearest to each of as many k-means centres of the unit-length rows as the budget.

    Args:
        features: ``n x d`` tensor, or rows in files; they are brought to unit length here.
        budget: number of clusters; all rows are returned where there are no more of them.
        generator: CPU generator of the seeds of k-means and of the order among equally near rows.

    Returns:
        Distinct positions, that of the largest cluster first.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.1], [3.0, -0.3], [0.0, 1.0]])
        >>> nearest_to_means(rows, 2, torch.Generator().manual_seed(0))
        tensor([0, 3])
    """
    order = order_by_content(features, generator)
    if budget == 0 or budget >= len(order):
        return order[:budget]
    x = unit_rows(features, order)
    clusters = kmeans(x, budget, generator)
    sizes = clusters.labels.bincount(minlength=budget)
    nearest = nearest_to_centres(x, clusters, generator)
    return order[nearest[sizes.argsort(descending=True, stable=True)]]
