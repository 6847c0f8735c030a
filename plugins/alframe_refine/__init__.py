"""REFINE: several strategies filter the pool again and again, and one chooses from what is left.

Huseljic et al., "Cleaning the pool: progressive filtering of unlabeled pools in deep active learning", CVPR
2026, arXiv 2511.22344. At each depth every strategy chooses from several random subsets of the pool as it
is by then; the union of all choices is the next pool. What only one strategy likes in one subset is soon
gone, what many like stays.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


NINE = ("random", "margin", "badge", "bait", "typiclust", "alfamix", "dropquery", "maxherding", "uherding")


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of REFINE."""

    strategies: tuple[str, ...] = option(NINE, "strategies that filter the pool")
    last: str = option("uherding", "strategy that chooses from what is left")
    depth: int = option(5, "how often the pool is filtered; 0: the last strategy sees all of it", least=0)
    subsets: int = option(11, "random subsets of the pool that each strategy chooses from", least=1)
    first_size: int = option(5000, "samples of a subset of the whole pool", least=1)
    alpha: float = option(0.4, "share of a filtered pool that makes a subset", above=0, most=1)
    at_most: int = option(10_000, "most samples that a filtered pool keeps, drawn from more", least=1)

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, and filters of nothing."""
        super().__post_init__()
        if not self.strategies and self.depth:
            raise ValueError("strategies must name at least one, or depth must be 0")


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="nine strategies filter the pool five times, and uherding chooses from the rest",
        reference="Huseljic et al., CVPR 2026, arXiv 2511.22344",
        options=Options,
        family="mixture",
        asks=("strategies", "last"),
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
    """What the last strategy chooses from the pool that the others leave; a score of ``-inf`` means never."""
    import torch

    from alframe_refine._refine import filtered
    from alframe_seals.filtering import ask_about

    everything = torch.arange(len(pool), device=ctx.device)
    left = everything if scores is None else everything[scores > -torch.inf]

    def ask(strategy: str, positions: Tensor, count: int) -> Tensor:
        return ask_about(positions, strategy, pool, labelled, count, pending, ctx)

    for depth, positions in enumerate(filtered(left, n, options, ask, ctx), 1):
        ctx.log(f"left_{depth}", len(positions))
        left = positions
    return ask(options.last, left, n)
