"""EPIG: label what tells most about predictions on samples that one cares about.

Bickford Smith et al., "Prediction-oriented Bayesian active learning", AISTATS 2023, arXiv 2304.08151.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of EPIG."""

    samples: int = option(
        100,
        "posterior samples: dropout masks that all rows share, or at most so many of a committee",
        least=2,
    )
    targets: int | None = option(
        None,
        "samples of the pool whose predictions count; by default 500, of more than 50 classes 100",
        least=1,
    )
    class_shares: tuple[float, ...] = option(
        (), "shares of the classes among what will be predicted, if they are not those of the pool"
    )
    dropout: float = option(
        0.5,
        "share of the features dropped in `alframe.query`, which has no network with rates of its own",
        above=0,
        below=1,
    )

    def __post_init__(self) -> None:
        """Refuses shares that are none."""
        super().__post_init__()
        if self.class_shares and not (min(self.class_shares) >= 0 and 0 < sum(self.class_shares) < 1e30):
            raise ValueError(f"class_shares must be numbers from 0, not all 0, got {self.class_shares}")


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest mutual information of a label and the predictions on other samples",
        reference="Bickford Smith et al., AISTATS 2023, arXiv 2304.08151",
        options=Options,
        needs=("samples",),
        family="Bayesian",
        score_range="nonnegative",
        api=4,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options, ctx: Context) -> Tensor:
    """Expected predictive information gain in nats, with targets drawn from the pool."""
    import functools

    from alframe import UsageError
    from alframe_epig._epig import predictive_information

    shares = options.class_shares
    if shares and len(shares) != ctx.num_classes:
        raise UsageError(
            f"epig.class_shares has {len(shares)} numbers, and there are {ctx.num_classes} classes"
        )
    samples = min(options.samples, pool.members or options.samples)
    stream = functools.partial(pool.sample_by_rows, samples=samples, dropout=options.dropout)
    targets = options.targets or (500 if ctx.num_classes <= 50 else 100)
    found = predictive_information(stream, len(pool), samples, targets, shares, ctx.generator, ctx.device)
    return found.float()
