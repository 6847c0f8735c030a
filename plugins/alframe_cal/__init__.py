"""CAL: label first what is predicted unlike its nearest labelled neighbours.

Margatina et al., "Active learning by acquiring contrastive examples", EMNLP 2021, arXiv 2109.03764. Samples
that are alike in feature space and not in their predictions lie near the decision boundary.
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
    """Options of CAL."""

    neighbours: int = option(10, "nearest labelled samples that a sample is compared with", least=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest divergence from the predictions of the nearest labelled samples",
        reference="Margatina et al., EMNLP 2021, arXiv 2109.03764",
        options=Options,
        family="both",
        score_range="nonnegative",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """Mean ``KL(p_neighbour || p)`` over the nearest labelled samples, in nats."""
    import torch

    from alframe import UsageError
    from alframe_cal._cal import divergence_from_neighbours

    if not len(labelled):
        raise UsageError("cal needs labelled samples to compare with; choose the first ones at random")
    order = torch.randperm(len(labelled), generator=ctx.generator).to(ctx.device)  # of equally near ones
    logits = pool.lazy_rows(lambda logits, rows: logits, of="logits")  # not kept where they are many
    features = pool.lazy_rows(of="features")
    return divergence_from_neighbours(
        features, logits, labelled.features[order], labelled.logits[order], options.neighbours
    )
