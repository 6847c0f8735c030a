"""Stochastic batches: draw by score instead of taking the highest, for any scorer.

Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning", TMLR 2023,
arXiv 2106.12059. The scores of all other samples change as soon as one is labelled; a draw allows for that.

A selector, for ``--select stochastic``. Without a scorer all samples are equally likely.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of stochastic batches."""

    form: Literal["power", "softmax", "softrank"] = option(
        "power", "in proportion to score**beta, exp(beta * score) or rank**-beta; power needs scores from 0"
    )
    beta: float = option(1.0, "from uniform draws, near 0, to the highest scores alone, at infinity", above=0)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the selector."""
    return PluginInfo(
        summary="drawn by any scorer's scores; without a scorer, uniformly at random",
        reference="Kirsch et al., TMLR 2023, arXiv 2106.12059",
        options=Options,
        family="baseline",
        needs_scores={"form=power": "nonnegative"},
        part=True,
        api=3,
    )


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, options: Options, ctx: Context) -> Tensor:
    """``n`` samples one after the other, more likely the higher their score; ``-inf`` means never."""
    import torch

    from alframe_stochastic._stochastic import draw_by_score

    if scores is None:
        return torch.randperm(len(pool), generator=ctx.generator)[:n].to(ctx.device)
    return draw_by_score(scores, n, options.form, options.beta, ctx.generator)
