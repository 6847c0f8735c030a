"""A strategy that is asked about a part of the pool, and the part that is near to some samples.

Coleman et al., AAAI 2022, arXiv 2007.00077. The search is exact, block by block.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe import Context, LabelledView, PoolView
from alframe.ops import LazyRows, row_blocks

CENTRES_AT_ONCE = 1024  # centres whose distances to a block are held
ELEMENTS = 1 << 22  # of a block: below a few thousand rows the merging of blocks takes most of the time
ROUNDING = 1e-13  # squared distances between unit-length rows of float64 that are as good as none


def choose_among(
    positions: Int64[Tensor, " m"],
    strategy: str,
    pool: PoolView,
    labelled: LabelledView,
    scores: Float[Tensor, " n"] | None,
    n: int,
    pending: PoolView,
    ctx: Context,
) -> Int64[Tensor, " k"]:
    """A strategy's choice of some of the pool's samples; the highest scores of them where there are scores.

    Args:
        positions: of these samples in the pool, none with a score of ``-inf``.
        strategy: name of the strategy.
        pool: the pool.
        labelled: the labelled set.
        scores: another scorer's scores of the pool, or None. Of equal ones the first is taken.
        n: how many are wanted.
        pending: what is pending.
        ctx: of the hook.

    Returns:
        At most ``n`` positions in the pool, best first; fewer where there are fewer samples.
    """
    if scores is not None:
        return positions[scores[positions].argsort(descending=True, stable=True)[:n]]
    return ask_about(positions, strategy, pool, labelled, n, pending, ctx)


def ask_about_eligible(
    strategy: str,
    pool: PoolView,
    labelled: LabelledView,
    scores: Float[Tensor, " n"] | None,
    n: int,
    pending: PoolView,
    ctx: Context,
) -> Int64[Tensor, " k"]:
    """A strategy's choice of the samples whose score is not ``-inf``; scores say nothing else.

    Args:
        strategy: name of the strategy.
        pool: the pool.
        labelled: the labelled set.
        scores: another scorer's scores of the pool, or None.
        n: how many are wanted.
        pending: what is pending.
        ctx: of the hook.

    Returns:
        At most ``n`` positions in the pool, best first.
    """
    positions = torch.arange(len(pool), device=ctx.device)
    if scores is not None:
        positions = positions[scores > -torch.inf]
    return ask_about(positions, strategy, pool, labelled, n, pending, ctx)


def ask_about(
    positions: Int64[Tensor, " m"],
    strategy: str,
    pool: PoolView,
    labelled: LabelledView,
    n: int,
    pending: PoolView,
    ctx: Context,
) -> Int64[Tensor, " k"]:
    """A strategy's choice of some of the pool's samples, as positions in the pool.

    Args:
        positions: of these samples; where they are all, the strategy sees the pool itself.
        strategy: name of the strategy.
        pool: the pool.
        labelled: the labelled set.
        n: how many are wanted.
        pending: what is pending.
        ctx: of the hook.
    """
    if not len(positions):
        return positions
    part = pool if len(positions) == len(pool) else pool[positions]
    return positions[ctx.ask(strategy, part, labelled, n, pending=pending)]


def nearest_eligible(
    pool: PoolView, centres: Float[Tensor, "a d"], scores: Float[Tensor, " n"] | None, k: int
) -> tuple[Int64[Tensor, "a k"], Float[Tensor, "a k"]]:
    """The samples of the pool that are nearest to each centre, and may be chosen.

    Args:
        pool: the pool, by its fixed features.
        centres: ``a`` rows of features.
        scores: ``-inf`` of samples that may not be chosen; None where all may.
        k: how many; all where there are fewer.

    Returns:
        Positions in the pool, and squared distances, as `nearest_rows` has them.
    """
    rows = pool.lazy_rows(of="fixed")
    if scores is None:
        return nearest_rows(rows, centres, k)
    may_be = (scores > -torch.inf).nonzero()[:, 0]
    part = rows[may_be] if isinstance(rows, Tensor) else rows.part(may_be)
    nearest, distances = nearest_rows(part, centres, k)
    return may_be[nearest], distances


def nearest_rows(
    rows: Float[Tensor, "n d"] | LazyRows, centres: Float[Tensor, "a d"], k: int
) -> tuple[Int64[Tensor, "a k"], Float[Tensor, "a k"]]:
    """For each centre the ``k`` nearest rows, all at unit length; a row of zeros stays one.

    Of rows that are equally near at the ``k``-th place the first are taken. Products are made in float64 and
    distances compared in float32, so that copies of a row are equally near wherever they stand.

    Args:
        rows: ``n x d`` tensor, or rows that are made when they are looked at: once for each 1,024 centres.
        centres: ``a x d`` tensor.
        k: how many; all rows where there are fewer.

    Returns:
        Their positions, ascending for each centre, and their squared distances from it.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]])
        >>> nearest_rows(rows, torch.tensor([[3.0, 0.0]]), 2)[0].tolist()
        [[0, 2]]
    """
    k = min(k, len(rows))
    parts = [_of_some(rows, some, k) for some in centres.split(CENTRES_AT_ONCE)]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def _of_some(rows: Tensor | LazyRows, centres: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Block by block: the nearest so far stand before the block's rows, so that they win a tie."""
    others, norms = at_unit_length(centres)
    nearest = torch.empty(len(centres), 0, dtype=torch.int64, device=centres.device)
    distances = torch.empty(len(centres), 0, dtype=torch.float32, device=centres.device)
    for block in row_blocks(len(rows), len(centres) + rows.shape[1], centres.device, ELEMENTS):
        here, norms_here = at_unit_length(rows[block])
        squared = torch.addmm(norms[:, None] + norms_here, others, here.T, alpha=-2)
        squared = torch.nn.functional.threshold(squared, ROUNDING, 0.0).float()
        places = torch.arange(block.start, block.stop, device=centres.device).expand(len(centres), -1)
        distances, nearest = torch.cat([distances, squared], 1), torch.cat([nearest, places], 1)
        if distances.shape[1] > k:
            kept = _smallest(distances, k)
            distances, nearest = distances.gather(1, kept), nearest.gather(1, kept)
    return nearest, distances


def _smallest(values: Float[Tensor, "a m"], k: int) -> Int64[Tensor, "a k"]:
    """Where the ``k`` smallest of each row are, ascending; of those that equal the largest the first."""
    least, where = values.topk(k, dim=1, largest=False)
    last = least.amax(dim=1, keepdim=True)
    tied = ((values <= last).sum(dim=1) > k).nonzero()[:, 0]  # where topk may have taken any of equals
    if len(tied):
        some, ends = values[tied], last[tied]
        below, equal = some < ends, some == ends
        wanted = below | (equal & (equal.cumsum(dim=1) <= k - below.sum(dim=1, keepdim=True)))
        where[tied] = wanted.nonzero()[:, 1].view(len(tied), k)
    return where.sort(dim=1).values


def at_unit_length(rows: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
    """The rows in float64 at unit length, and their squared lengths then: 1, or 0 of a row of zeros.

    Args:
        rows: ``n x d`` tensor.
    """
    rows = rows.double()
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(norms > 0, norms, 1.0), (norms[:, 0] > 0).double()
