"""Falcun: draw what is uncertain and predicted unlike all picks, whatever the number of features.

Gilhuber et al., "FALCUN: a simple and efficient deep active learning strategy", ECML-PKDD 2024.
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
    """Options of Falcun."""

    gamma: float = option(
        10.0, "power of the relevance in the draw: 0 draws uniformly, a large one takes the best", least=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="drawn by margin and distance of the predicted probabilities from those of the picks",
        reference="Gilhuber et al., ECML-PKDD 2024",
        options=Options,
        family="both",
        api=3,
    )


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, options: Options, ctx: Context) -> Tensor:
    """``n`` samples, drawn one after the other; a score of ``-inf`` means never."""
    import torch

    from alframe_falcun._falcun import draw_relevant

    probs, positions = pool.probs, torch.arange(len(pool), device=ctx.device)
    if scores is not None:
        positions = positions[(scores > -torch.inf).to(ctx.device)]
        probs = probs[positions]
    return positions[draw_relevant(probs, min(n, len(probs)), options.gamma, ctx.generator, ctx.progress)]
