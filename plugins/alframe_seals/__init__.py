"""SEALS: ask a strategy about the nearest neighbours of the labelled samples alone.

Coleman et al., "Similarity search for efficient active learning and search of rare concepts", AAAI 2022,
arXiv 2007.00077. What is like nothing labelled is left out: the strategy looks at a small part of the pool,
and in the neighbourhood of a rare class that has a label it finds more of it.
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
    """Options of SEALS."""

    of: str = option("margin", "strategy that chooses from the neighbours")
    neighbours: int = option(100, "nearest samples of the pool to each labelled one", least=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="another strategy, on the nearest neighbours of the labelled samples",
        reference="Coleman et al., AAAI 2022, arXiv 2007.00077",
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
    from alframe_seals.filtering import choose_among, nearest_eligible

    if not len(labelled):
        raise UsageError("seals needs labelled samples to look near; choose the first ones at random")
    nearest, _ = nearest_eligible(pool, labelled.fixed, scores, options.neighbours)
    positions = nearest.flatten().unique()
    ctx.log("neighbours", len(positions))
    return choose_among(positions, options.of, pool, labelled, scores, n, pending, ctx)
