"""AnchorAL: ask a strategy about the nearest neighbours of a few labelled samples of each class.

Lesci and Vlachos, "AnchorAL: computationally efficient active learning for large and imbalanced datasets",
NAACL 2024, arXiv 2404.05623. Each class has as many anchors, so a rare class has as many neighbours as a
common one among the samples that the strategy chooses from.
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
    """Options of AnchorAL."""

    of: str = option("margin", "strategy that chooses from the neighbours")
    anchors: int = option(10, "labelled samples of each class whose neighbours are looked for", least=1)
    neighbours: int = option(50, "nearest samples of the pool to each anchor", least=1)
    at_most: int | None = option(
        None,
        "most samples that are chosen from, those nearest on average to the anchors that they are "
        "neighbours of; none: all of them",
        least=1,
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="another strategy, on the neighbours of as many labelled samples of each class",
        reference="Lesci and Vlachos, NAACL 2024, arXiv 2404.05623",
        options=Options,
        family="mixture",
        asks=("of",),
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
    """The strategy's choice of the neighbours; the highest scores of them where there are scores.

    A score of ``-inf`` means never.

    Raises:
        UsageError: nothing is labelled.
    """
    from alframe import UsageError
    from alframe_anchoral._anchoral import anchors_of_classes, nearest_on_average
    from alframe_seals.filtering import choose_among, nearest_eligible

    if not len(labelled):
        raise UsageError("anchoral needs labelled samples to look near; choose the first ones at random")
    features = labelled.fixed
    anchors = anchors_of_classes(features, labelled.targets, options.anchors, ctx.generator)
    nearest, distances = nearest_eligible(pool, features[anchors], scores, options.neighbours)
    positions = nearest_on_average(nearest, distances, options.at_most)
    ctx.log("anchors", len(anchors))
    ctx.log("neighbours", len(positions))
    return choose_among(positions, options.of, pool, labelled, scores, n, pending, ctx)
