"""Draws by a power of the distance on unit-length features.

Xie et al., NeurIPS 2023, arXiv 2309.17342: each sample is drawn with probability proportional to the square
of ``1 - cos`` to the nearest one drawn. As ``1 - cos`` is half of the squared Euclidean distance, this is
k-means++ seeding with the distance's fourth power.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Euclidean, LabelledView, PoolView
from alframe.ops import kmeans_plus_plus
from alframe_centroids.clusters import order_by_content, unit_rows


def draw_by_distance(
    pool: PoolView,
    known: Sequence[LabelledView | PoolView],
    scores: Tensor | None,
    n: int,
    power: float,
    generator: torch.Generator,
) -> Tensor:
    """Draws samples far from those that are known or drawn.

    Args:
        pool: ``N`` samples.
        known: what counts as drawn already, be it empty. Where all is, the first is any sample.
        scores: ``N`` numbers, ``-inf`` of samples that are left out; or None.
        n: most picks.
        power: of the Euclidean distance between unit-length rows, above 0.
        generator: CPU generator.

    Returns:
        At most ``n`` positions in the order they were drawn.
    """
    rows: Any = pool.lazy_rows(of="fixed")
    order = order_by_content(rows, generator)
    if scores is not None:
        order = order[scores[order] > -torch.inf]
    seeds = Euclidean(normalize(torch.cat([view.fixed for view in known])))
    n = min(n, len(order))
    points = Euclidean(unit_rows(rows, order))
    return order[kmeans_plus_plus(points, n, generator, seeds, power=power, first="any")]
