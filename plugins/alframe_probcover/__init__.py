"""ProbCover: label what has most samples within a radius that hardly ever holds two classes.

Yehuda et al., "Active learning through a covering lens", NeurIPS 2022, arXiv 2205.11320.
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
    """Options of ProbCover."""

    purity: float = option(
        0.95, "share of samples whose ball is to lie within their cluster; gives the radius", above=0, most=1
    )
    radius: float | None = option(
        None, "radius of the balls on unit-length features; none: the largest that has this purity", above=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="covers most samples by balls of a radius at which clusters stay apart, greedily",
        reference="Yehuda et al., NeurIPS 2022, arXiv 2205.11320",
        options=Options,
        family="start",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Repeatedly the sample with most samples in its ball that are in no labelled or picked one's.

    There are fewer picks once all samples are covered. A score of ``-inf`` means never.

    Raises:
        UsageError: there is no radius, and nobody knows how many classes there are.
    """
    from alframe_probcover._probcover import cover_by_balls

    return cover_by_balls(pool, labelled, scores, n, options, ctx)
