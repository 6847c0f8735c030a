"""BASE: label as many samples near the boundary of each class.

Emam et al., "Active learning at the ImageNet scale", 2021, arXiv 2111.12880: uncertainty sampling spends most
labels on the classes that are common, a budget a class does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="as many samples a class, those nearest to its boundary",
        reference="Emam et al., 2021, arXiv 2111.12880",
        needs=("weights",),
        family="uncertainty",
        api=3,
    )


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, ctx: Context) -> Tensor:
    """``n / C`` samples nearest to the boundary of each class; a score of ``-inf`` means never."""
    import torch

    from alframe import UsageError
    from alframe_base._base import nearest_to_boundaries

    if ctx.model is None:
        raise UsageError("base needs a head: pass head=(W, b), the network's last linear layer")
    may_be_picked = torch.ones(len(pool), dtype=torch.bool, device=ctx.device)
    if scores is not None:
        may_be_picked = scores > -torch.inf
    features = pool.lazy_rows(of="features")
    return nearest_to_boundaries(ctx.model.head, features, may_be_picked, n, ctx.generator)
