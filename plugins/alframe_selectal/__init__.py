"""SelectAL: find out before each query whether there are few labels or many, and ask a strategy that suits.

Hacohen and Weinshall, "How to select which active learning strategy is best suited for your specific
problem and budget", NeurIPS 2023, arXiv 2306.03543. Some labelled samples are left out: typical ones,
untypical ones, or any. What the model misses most says what it needs more of.
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
    """Options of SelectAL."""

    low: str = option("typiclust", "strategy for few labels: where typical samples are missed most")
    high: str = option("badge", "strategy for many labels: where untypical samples are missed most")
    neither: str = option("random", "strategy where samples that are left out at random are missed most")
    epsilon: float = option(
        0.05, "share of the labels that is left out, as many of each class", above=0, below=1
    )
    repeats: int = option(5, "held-out parts that accuracies are averaged over", least=1)
    held_out: float = option(0.05, "share of the labels that a held-out part has", above=0, below=1)
    draws: int = option(5, "random samples that are left out for each held-out part", least=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="typiclust, badge or random, whichever the labels so far speak for",
        reference="Hacohen and Weinshall, NeurIPS 2023, arXiv 2306.03543",
        options=Options,
        family="mixture",
        asks=("low", "high", "neither"),
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
    """The choice of the strategy that the labels speak for; a score of ``-inf`` means never."""
    from alframe_seals.filtering import ask_about_eligible
    from alframe_selectal._selectal import accuracies_without, family_of

    accuracies = accuracies_without(labelled.fixed, labelled.targets, options, ctx)
    for name, accuracy in accuracies.items():
        ctx.log(f"accuracy_without_{name}", accuracy)
    family = family_of(accuracies)
    ctx.log("labels_are_few", family == "low")
    strategy = {"low": options.low, "high": options.high, "neither": options.neither}[family]
    return ask_about_eligible(strategy, pool, labelled, scores, n, pending, ctx)
