"""The pool as it is left by one filter after another.

Huseljic et al., CVPR 2026, arXiv 2511.22344: random subsets, the union of what strategies choose from them,
again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int64
from torch import Tensor

if TYPE_CHECKING:
    from alframe import Context
    from alframe_refine import Options


def filtered(
    pool: Int64[Tensor, " n"],
    budget: int,
    options: Options,
    ask: Callable[[str, Tensor, int], Tensor],
    ctx: Context,
) -> Iterator[Int64[Tensor, " m"]]:
    """The pool after each filter, ascending positions of at least as many samples as the budget.

    Args:
        pool: ascending positions.
        budget: how many each strategy chooses from each subset.
        options: of the strategy.
        ask: a strategy's choice, ``ask(name, positions, count)``.
        ctx: draws subsets, and shows what is done.
    """
    done, total = 0, options.depth * len(options.strategies) * options.subsets
    for depth in range(options.depth):
        size = subset_size(len(pool), budget, depth, options)
        found = []
        for strategy in options.strategies:
            for _ in range(options.subsets):
                found.append(ask(strategy, drawn(pool, size, ctx.generator), min(budget, size)))
                done += 1
                ctx.progress(done, total)
        pool = drawn(torch.cat(found).unique(), max(budget, options.at_most), ctx.generator)
        yield pool


def subset_size(left: int, budget: int, depth: int, options: Options) -> int:
    """How many samples a subset has: at least as many as are chosen from it.

    Args:
        left: samples of the pool.
        budget: how many are chosen.
        depth: how often the pool was filtered.
        options: of the strategy.

    Example:
        >>> from alframe_refine import Options
        >>> [subset_size(50_000, 10, 0, Options()), subset_size(990, 10, 1, Options())]
        [5000, 396]
    """
    size = options.first_size if depth == 0 else round(options.alpha * left)
    return min(left, max(size, budget))


def drawn(pool: Int64[Tensor, " n"], size: int, generator: torch.Generator) -> Int64[Tensor, " m"]:
    """A random part, in ascending order; all of it, and nothing drawn, where there are no more.

    Args:
        pool: ascending positions.
        size: how many.
        generator: CPU generator.
    """
    if size >= len(pool):
        return pool
    return pool[torch.randperm(len(pool), generator=generator)[:size].sort().values.to(pool.device)]
