"""BALD: label where the model's parameters disagree most, by Monte Carlo dropout.

Gal et al., "Deep Bayesian active learning with image data", ICML 2017, arXiv 1703.02910; Houlsby et al.,
"Bayesian active learning for classification and preference learning", 2011, arXiv 1112.5745.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of BALD."""

    passes: int = option(10, "forward passes, each with its own dropout masks")
    dropout: float = option(
        0.5,
        "share of the features dropped in `alframe.query`, which has no network with rates of its own",
        above=0,
        below=1,
    )

    masks: Literal["row", "shared"] = option(
        "row",
        "a dropout mask for each sample, as published, or one for all: each pass is one network then, of a "
        "committee a member",
    )

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, and says why one pass is too few."""
        super().__post_init__()
        if self.passes < 2:
            raise ValueError(
                f"passes must be at least 2: one pass can't disagree with itself, got {self.passes}"
            )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest mutual information of prediction and parameters, by Monte Carlo dropout",
        reference="Gal et al., ICML 2017, arXiv 1703.02910",
        options=Options,
        aliases=("BALDDropout",),
        needs=("dropout",),
        expected_failures={
            "follows_the_rows": "each sample has dropout masks of its own, drawn in the order of the rows",
            "cuda": "dropout masks are drawn on the device, and a GPU draws others",
        },
        family="Bayesian",
        score_range="nonnegative",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options) -> Tensor:
    """Mutual information in nats: entropy of the mean prediction minus mean entropy of the predictions."""
    from alframe_bald._bald import mutual_information

    passes = pool.sample_by_rows if options.masks == "shared" else pool.mc_by_rows
    return passes(mutual_information, options.passes, options.dropout)
