"""Balanced batches: any strategy's choice within each predicted class, most of the classes with few labels.

The class balancer of small-text (Schröder et al., "Small-Text: active learning for text classification in
Python", EACL 2023, arXiv 2107.10314): how many of each class is decided by the labels so far, which of them
by the strategy.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


FEW_CLASSES = 20  # up to which the record has a number for each


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of balanced batches."""

    of: str = option("margin", "strategy that chooses within each class")


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="another strategy, class by predicted class, so that labels become balanced",
        reference="Schröder et al., EACL 2023, arXiv 2107.10314",
        options=Options,
        family="mixture",
        asks=("of",),
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
    """The strategy's choice of what is predicted to be of each class, in the order in which classes need it.

    Where there are scores these choose. A score of ``-inf`` means never. What is pending counts as labelled
    with its predicted class.
    """
    import torch

    from alframe import UsageError
    from alframe_balanced._balanced import classes_in_turn, excess
    from alframe_seals.filtering import choose_among

    if ctx.model is None:
        raise UsageError("balanced needs predictions: pass head=, or probs= in place of features")

    def predicted(view: PoolView) -> Tensor:
        return view.by_rows(lambda logits: logits.argmax(dim=1), of="logits")

    of_pool = predicted(pool)
    if scores is not None:
        of_pool[scores == -torch.inf] = ctx.num_classes  # of no class
    labels = torch.cat([labelled.targets, predicted(pending)]) if len(pending) else labelled.targets
    have = labels.bincount(minlength=ctx.num_classes)
    most = of_pool.bincount(minlength=ctx.num_classes + 1)[: ctx.num_classes]
    turns = classes_in_turn(have.tolist(), most.tolist(), n)
    picks = torch.empty(len(turns), dtype=torch.int64, device=ctx.device)
    turn_of = torch.tensor(turns, dtype=torch.int64, device=ctx.device)
    counts = turn_of.bincount(minlength=ctx.num_classes).tolist()
    for number, count in enumerate(counts):
        if count:
            positions = (of_pool == number).nonzero()[:, 0]
            chosen = choose_among(positions, options.of, pool, labelled, scores, count, pending, ctx)
            picks[turn_of == number] = chosen
        if ctx.num_classes <= FEW_CLASSES:
            ctx.log(f"predicted_{number}", count)
    ctx.log("from_excess", excess(have.tolist(), counts, n))
    return picks
