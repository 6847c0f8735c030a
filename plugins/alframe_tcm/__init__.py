"""TCM: TypiClust for the first queries, margin from then on.

Doucet et al., "Bridging diversity and uncertainty in active learning with self-supervised pre-training",
2024, arXiv 2403.03728: typical samples while there are few labels, uncertain ones when the model knows
something. The rule by which the paper switches depends on the network and the budget; here a number of
queries or of labels says when.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of TCM."""

    first: str = option("typiclust", "strategy of the first queries, and of the start where it is tcm's")
    then: str = option("margin", "strategy of all queries after these")
    steps: int = option(3, "queries after the start that the first strategy answers", least=0)
    switch_at: float | None = option(
        None, "labels a class from which on the other strategy answers; none: the steps decide", least=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="typical samples in the first queries, uncertain ones from then on",
        reference="Doucet et al., 2024, arXiv 2403.03728",
        options=Options,
        family="mixture",
        cold_start=True,
        asks=("first", "then"),
        api=4,
    )


@hookimpl
def alframe_select(
    pool: PoolView,
    labelled: LabelledView,
    scores: Tensor | None,
    n: int,
    pending: PoolView,
    options: Options,
    ctx: Context,
) -> Tensor:
    """The choice of the strategy whose turn it is; a score of ``-inf`` means never."""
    from alframe_seals.filtering import ask_about_eligible
    from alframe_tcm._tcm import is_early

    early = is_early(ctx.round, len(labelled), ctx.num_classes, options)
    ctx.log("switched", not early)
    name = options.first if early else options.then
    return ask_about_eligible(name, pool, labelled, scores, n, pending, ctx)
