"""BAIT: label the batch whose Fisher information says most about the whole pool.

Ash et al., "Gone fishing: neural active learning with Fisher embeddings", NeurIPS 2021, arXiv 2106.09675;
the binary and the top-c likelihood of Huseljic et al., "Fast Fishing: approximating BAIT for efficient and
scalable deep active image classification", ECML-PKDD 2024, arXiv 2404.08981.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of BAIT."""

    likelihood: Literal["binary", "top-c", "full"] = option(
        "binary", "whose information counts: the likeliest class against all others, the c likeliest, all"
    )
    c: int = option(2, "classes of the likelihood top-c", least=1)
    scale: Literal["program", "mean"] = option(
        "program",
        "program: each pick weighs as much as n labelled samples, as in the authors' program; mean: as one",
    )
    regularization: float = option(1.0, "lambda, which is added to the information's diagonal", above=0)
    oversampling: float = option(2.0, "how many times n are picked before all but n are dropped", least=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="lowest tr(M^-1 F): the Fisher information of the batch against that of the pool",
        reference="Ash et al., NeurIPS 2021, arXiv 2106.09675",
        options=Options,
        family="both",
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Forward to more than ``n``, then back to ``n``; a score of ``-inf`` means never."""
    import torch

    from alframe_bait._bait import choose

    never = torch.zeros(len(pool), dtype=torch.bool) if scores is None else scores == -torch.inf
    allowed = (~never).nonzero()[:, 0].to(ctx.device)
    if n == 0 or len(allowed) == 0:
        return allowed[:0]
    rows, labelled_rows = _rows(pool, labelled, options, ctx.num_classes)
    return choose(
        rows,
        labelled_rows,
        allowed,
        min(n, len(allowed)),
        regularization=options.regularization,
        oversampling=options.oversampling,
        weigh_by_budget=options.scale == "program",
        generator=ctx.generator,
        progress=ctx.progress,
    )


def _rows(pool: PoolView, labelled: LabelledView, options: Options, classes: int) -> list[Any]:
    """The samples by their information under the likelihood."""
    from alframe_bait._binary import BinaryRows, binary_weights
    from alframe_bait._classes import ClassRows, check_memory

    if options.likelihood == "binary":
        return [
            BinaryRows(view.features, view.by_rows(binary_weights, of="logits")) for view in (pool, labelled)
        ]
    most = min(options.c, classes) if options.likelihood == "top-c" else classes
    check_memory(len(pool), classes, pool.features.shape[1], most)
    return [ClassRows.likeliest(view.features, view.logits, most) for view in (pool, labelled)]
