"""MaxDet: the batch whose kernel matrix, beside the labelled samples', has the largest determinant.

Holzmueller et al., "A framework and benchmark for deep batch active learning for regression", JMLR 24 (2023),
arXiv 2203.09410. It is the batch of largest entropy under a Gaussian process, chosen greedily: what BatchBALD
is for that model, and D-optimal design.
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
    """Options of MaxDet."""

    noise: float = option(
        1e-6,
        "variance of the noise of labels, as a share of the pool's mean squared norm",
        least=1e-9,
        most=1e6,
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="largest determinant of the kernel matrix: greedy D-optimal design",
        reference="Holzmueller et al., JMLR 2023, arXiv 2203.09410",
        options=Options,
        family="diversity",
        cold_start=True,
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """``n`` picks, each of the largest variance given all before; a score of ``-inf`` means never."""
    from alframe.ops import eligible
    from alframe_maxdet._maxdet import largest_variances
    from alframe_maxdet._posterior import posterior

    points, positions = eligible(pool.embedding, scores)
    n = min(n, len(points))
    if n == 0:
        return positions[:0]
    variances = posterior(points, labelled.embedding, n, options.noise, ctx.generator)
    return positions[largest_variances(variances, n, ctx.generator, ctx.progress)]
