"""ActiveFT: label the samples nearest to points that are moved until they stand for all others, and apart.

Xie et al., "Active finetuning: exploiting annotation budget in the pretraining-finetuning paradigm",
CVPR 2023, arXiv 2303.14382. All labels are chosen in one query, on features of a pretrained network.
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
    """Options of ActiveFT."""

    steps: int = option(300, "moves of the centres; its authors use 100 on ImageNet", least=0)
    rate: float = option(0.001, "learning rate of Adam, which moves them", above=0)
    temperature: float = option(0.07, "that similarities are divided by", above=0)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="nearest to centres that are moved to be like the pool and unlike each other",
        reference="Xie et al., CVPR 2023, arXiv 2303.14382",
        options=Options,
        family="start",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """The sample nearest to each of ``n`` centres; labelled ones are centres that stay where they are.

    A score of ``-inf`` means never.
    """
    import torch
    from torch.nn.functional import normalize

    from alframe_activeft._activeft import loss, moved, nearest_unused
    from alframe_centroids.clusters import eligible_rows, order_by_content, unit_rows

    features, positions = eligible_rows(pool.lazy_rows(of="fixed"), scores)
    order = order_by_content(features, ctx.generator)
    order = order[torch.randperm(len(order), generator=ctx.generator).to(order.device)]
    if n >= len(order):
        return positions[order]
    x, fixed = unit_rows(features, order), normalize(labelled.fixed)
    centres = moved(x, x[:n], fixed, options, ctx.progress)  # the first rows of a random order
    ctx.log("loss", loss(x, centres, fixed, options.temperature))
    return positions[order[nearest_unused(x, centres)]]
