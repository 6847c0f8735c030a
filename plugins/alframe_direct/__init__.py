"""DIRECT: find the best threshold of each class, rarest first, from noisy labels, and label around it.

Nuggehalli et al., "DIRECT: deep active learning under imbalance and label noise", ICML 2025,
arXiv 2312.09196.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of DIRECT."""

    batch: int = option(
        20, "samples that are labelled at a time, without training between: the paper's B1", least=1
    )
    most: int = option(
        60, "labels at the most that search a class's threshold; half of n / C where that is less", least=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="searches the best threshold of each class, rarest first, and labels around it",
        reference="Nuggehalli et al., ICML 2025, arXiv 2312.09196",
        options=Options,
        family="uncertainty",
        wants_labels_every="batch",
        api=4,
    )


@hookimpl
def alframe_select(
    pool: PoolView,
    labelled: LabelledView,
    pending: PoolView,
    scores: Tensor | None,
    n: int,
    options: Options,
    ctx: Context,
) -> Tensor:
    """The next samples of the round's plan; of several at once each as if those before were as predicted.

    A score of ``-inf`` means never.
    """
    from alframe_direct._direct import new_plan, picks
    from alframe_galaxy.orders import orders_of, places_in

    may_be_picked = None if scores is None else scores > -math.inf
    n = n if may_be_picked is None else min(n, int(may_be_picked.sum()))
    if n == 0:
        return pool.positions[:0]
    orders, known = orders_of(pool, labelled, pending, may_be_picked, ctx.round_cache)
    if ctx.step == 0 or ctx.state.get("round") != ctx.round:
        plan = new_plan(known.labels, ctx.num_classes, max(n, ctx.left), options.most)
        ctx.state.clear()
        ctx.state.update(plan, round=ctx.round)
    rows = picks(ctx.state, orders, known, n, options.batch, ctx.generator)
    return places_in(pool, orders.positions[rows])
