"""GALAXY: find where each class ends by bisection between opposite labels, one label after another.

Zhang et al., "GALAXY: graph-based active learning at the extreme", ICML 2022, arXiv 2202.01402: under heavy
imbalance the boundary that the network predicts is in the wrong place.
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
    """Options of GALAXY."""

    batch: int = option(
        1, "samples that are labelled at a time, without training between; the paper's is 1", least=1
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="bisects between opposite labels where each class ends, label by label",
        reference="Zhang et al., ICML 2022, arXiv 2202.01402",
        options=Options,
        family="uncertainty",
        wants_labels_every="batch",
        api=4,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, pending: PoolView, scores: Tensor | None, n: int, ctx: Context
) -> Tensor:
    """The next sample of the class in turn; of several at once each as if those before were as predicted.

    The turn is that of the number of labels, so it goes on from round to round. A score of ``-inf`` means
    never.
    """
    from alframe_galaxy._galaxy import picks
    from alframe_galaxy.orders import orders_of, places_in

    may_be_picked = None if scores is None else scores > -math.inf
    n = n if may_be_picked is None else min(n, int(may_be_picked.sum()))
    if n == 0:
        return pool.positions[:0]
    orders, known = orders_of(pool, labelled, pending, may_be_picked, ctx.round_cache)
    rows = picks(orders, known, n, len(labelled) + len(pending), ctx.generator)
    return places_in(pool, orders.positions[rows])
