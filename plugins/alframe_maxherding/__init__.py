"""MaxHerding: label what brings most samples near a labelled one, by a smooth kernel.

Bae et al., "Generalized coverage for more robust low-budget active learning", ECCV 2024, arXiv 2407.12212.
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
    """Options of MaxHerding."""

    kernel: Literal["gaussian", "laplace", "top-hat"] = option(
        "gaussian",
        "how well a sample covers another at distance d: exp(-(d/width)^2), exp(-d/width), d < width",
    )
    width: float = option(
        1.0, "width of the kernel on unit-length features, which are 2 apart at the most", above=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="covers all samples by a kernel on unit-length features, greedily; weighs them by scores",
        reference="Bae et al., ECCV 2024, arXiv 2407.12212",
        options=Options,
        family="diversity",
        cold_start=True,
        needs_scores="nonnegative",
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Repeatedly what covers most of what is not covered yet; samples count by their scores where there are.

    There are fewer picks once no sample adds anything. A score of ``-inf`` means never.

    Raises:
        UsageError: a score is negative.
    """
    from alframe.ops import Kernel
    from alframe_maxherding.herding import herd

    return herd(pool, labelled, scores, n, Kernel(options.kernel, options.width), ctx)
