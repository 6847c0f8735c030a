"""UHerding: MaxHerding's coverage, each sample weighed by how uncertain the network is of it.

Bae, Oliveira and Sutherland, "Uncertainty herding: one active learning method for all label budgets",
ICLR 2025, arXiv 2412.20644.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


COLDEST = 1e-6  # temperature; logits divided by less leave the range of float32


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of UHerding."""

    uncertainty: Literal["margin", "entropy", "confidence"] = option(
        "margin", "1 - (p1 - p2) of the two largest probabilities, entropy over that of equal ones, or 1 - p1"
    )
    calibrate: Literal["none", "holdout"] | float = option(
        "holdout",
        "temperature of the probabilities: 1, the best on 30 % of the labels of a head refitted on the rest, "
        "or a number",
    )
    width: float | None = option(
        None,
        "width of the kernel on unit-length features; none: the smallest distance between labelled samples",
        above=0,
    )

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, and a temperature that is none."""
        super().__post_init__()
        if not isinstance(self.calibrate, str) and not COLDEST <= self.calibrate < math.inf:
            raise ValueError(
                f"calibrate must be none, holdout or a number from {COLDEST:g}, got {self.calibrate}"
            )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="covers what the network is uncertain of, by a kernel that narrows as labels come",
        reference="Bae et al., ICLR 2025, arXiv 2412.20644",
        options=Options,
        family="both",
        cold_start=True,
        score_range="unit",
        needs_scores="nonnegative",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """Uncertainty between 0 and 1, of calibrated probabilities; 1 of all with fewer than two labels."""
    import torch

    from alframe_uherding._calibration import holdout_temperature
    from alframe_uherding._uherding import UNCERTAINTIES

    if len(labelled) < 2:
        return torch.ones(len(pool), device=ctx.device)
    temperature = 1.0
    if options.calibrate == "holdout":
        temperature = holdout_temperature(labelled.features, labelled.targets, ctx.num_classes, ctx.generator)
    elif options.calibrate != "none":
        temperature = options.calibrate
    ctx.log("temperature", temperature)
    uncertainty = UNCERTAINTIES[options.uncertainty]
    return pool.by_rows(lambda logits: uncertainty((logits / temperature).softmax(dim=1)), of="logits")


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """MaxHerding's picks, samples weighed by their scores, with a width that the labelled samples set.

    Raises:
        UsageError: a score is negative.
    """
    from alframe.ops import Kernel
    from alframe_maxherding.herding import herd
    from alframe_uherding._uherding import smallest_distance

    width = options.width or smallest_distance(labelled.fixed) or 1.0
    ctx.log("width", width)
    return herd(pool, labelled, scores, n, Kernel("gaussian", width), ctx)
