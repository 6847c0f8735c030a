"""BADGE: k-means++ seeding on the gradients that the predicted labels would give.

Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020,
arXiv 1906.03671. A sample's embedding is the gradient of the cross-entropy of its predicted class in the
weights of a linear head, ``(p - onehot(y)) (x) z``: long where the prediction is uncertain.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, Embeddings, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of BADGE."""

    bias: bool = option(False, "gradients in the head's bias too: a 1 is appended to the features")


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="k-means++ on gradients of the predicted labels' loss in the head",
        reference="Ash et al., ICLR 2020, arXiv 1906.03671",
        options=Options,
        aliases=("BadgeSampling",),
        family="both",
        api=3,
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView, options: Options) -> Embeddings:
    """Gradient embeddings as factors, up to a common factor that keeps them within a float's range."""
    from torch.nn.functional import pad

    from alframe import Embeddings, OuterProduct
    from alframe_badge._badge import log_residuals, residuals

    of_pool, of_labelled = (view.by_rows(log_residuals, of="logits") for view in (pool, labelled))
    log_scale = of_pool.max() if len(pool) else 0.0
    for factors in (of_pool, of_labelled):
        factors.sub_(log_scale)

    def gradients(view: PoolView | LabelledView, log_factors: Tensor) -> OuterProduct:
        a = view.lazy_rows(lambda logits, rows: residuals(logits, log_factors[rows]), of="logits")
        if not options.bias:
            return OuterProduct(a, view.lazy_rows(of="features"))
        with_1 = view.lazy_rows(lambda block, rows: pad(block, (0, 1), value=1.0), of="features")
        return OuterProduct(a, with_1)

    return Embeddings(gradients(pool, of_pool), gradients(labelled, of_labelled))


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, pending: PoolView, ctx: Context) -> Tensor:
    """``n`` k-means++ seeds after those that are pending; a score of ``-inf`` means never."""
    from alframe.ops import eligible, kmeans_plus_plus

    seeds = pending.embedding if len(pending) else None
    if scores is None:  # whose positions are 8 bytes each
        return kmeans_plus_plus(pool.embedding, min(n, len(pool)), ctx.generator, seeds)
    points, positions = eligible(pool.embedding, scores)
    return positions[kmeans_plus_plus(points, min(n, len(points)), ctx.generator, seeds)]
