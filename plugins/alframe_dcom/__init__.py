"""DCoM: cover the pool by balls whose radii are learnt; the more is covered, the more margin counts.

Mishal and Weinshall, "DCoM: active learning for all learners", 2024, arXiv 2407.01804: ProbCover with a
radius for each labelled sample, mixed with margin.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of DCoM."""

    radius: float = option(
        0.6, "radius of balls before any label says more, on unit-length features", above=0
    )
    largest: float = option(1.1, "largest radius that is learnt", above=0)
    search: Literal["bisect", "exact"] = option(
        "bisect", "how a radius is learnt: by halving, as the authors do, or exactly the largest that is pure"
    )
    resolution: float = option(0.05, "halving ends once two radii are that near", above=0)
    slope: float = option(50.0, "how steeply margin comes to count as coverage rises", above=0)
    middle: float = option(0.8, "coverage at which it counts for half", least=0, most=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="covers the pool by balls of radii learnt from labels, then smallest margins",
        reference="Mishal and Weinshall, 2024, arXiv 2407.01804",
        options=Options,
        family="both",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Repeatedly the largest mix of how many it would cover and how small its margin is.

    A score of ``-inf`` means never; those samples are to be covered all the same.
    """
    from alframe_dcom._dcom import cover_and_doubt

    return cover_and_doubt(pool, labelled, scores, n, options, ctx)
