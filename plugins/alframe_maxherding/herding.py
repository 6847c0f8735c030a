"""Greedy coverage of the pool by a kernel on unit-length features, each sample weighed by its score.

Bae et al., "Generalized coverage for more robust low-budget active learning", ECCV 2024, arXiv 2407.12212:
maximise ``sum_i w_i max_s k(x_i, x_s)`` over the labelled samples and picks ``s``. Whether the labelled are
among the ``i`` changes nothing: they cover themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Context, Euclidean, LabelledView, PoolView, UsageError
from alframe.ops import Kernel, cover_greedy, cover_onward, eligible


def herd(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, kernel: Kernel, ctx: Context
) -> Tensor:
    """Chooses from the pool what covers it best; logs the mean of how well its samples are covered then.

    Args:
        pool: ``N`` samples.
        labelled: ``L`` samples that cover already; there may be none.
        scores: ``N`` weights of at least 0, ``-inf`` of samples that are left out; or None, all the same.
        n: most picks.
        kernel: of distances between unit-length features.
        ctx: of the selector.

    Returns:
        At most ``n`` positions in the pool; fewer once no sample adds anything.

    Raises:
        UsageError: a score is negative.
    """
    if scores is None:
        return _herd_alike(pool, labelled, n, kernel, ctx)
    fixed: Any = pool.lazy_rows(of="fixed")
    unit = normalize(fixed) if isinstance(fixed, Tensor) else fixed.each(normalize)
    points, positions = eligible(Euclidean(unit), scores)
    weights = scores[positions]
    if len(weights) and (least := float(weights.min())) < 0:
        raise UsageError(
            f"samples are weighed by their scores, and one has {least:g}: expected scores of at least 0, as "
            "those of uherding, entropy or least-confidence are; --strategy maxherding weighs all alike"
        )
    centres = Euclidean(normalize(labelled.fixed))
    cover = cover_greedy(points, centres, n, ctx.generator, kernel=kernel, weights=weights)
    if len(positions):
        ctx.log("coverage", float(cover.values.mean(dtype=torch.float64)))
    return positions[cover.picks]


def _herd_alike(pool: PoolView, labelled: LabelledView, n: int, kernel: Kernel, ctx: Context) -> Tensor:
    """The same where all weigh alike: on fixed features one sequence of picks goes on through all queries."""
    goes_on = pool.is_fixed
    cover = cover_onward(
        (pool.lazy_rows(of="fixed"), pool.positions),
        (labelled.fixed, labelled.positions),
        n,
        ctx.generator,
        kernel=kernel,
        state=ctx.state if goes_on else {},
        cache=ctx.cache if goes_on else {},
    )
    if len(pool):
        ctx.log("coverage", float(cover.values.mean(dtype=torch.float64)))
    return cover.picks
