"""CDAL: label the predictions that differ most from all labelled ones, again and again.

Agarwal et al., "Contextual diversity for active learning", ECCV 2020, arXiv 2008.05723: k-centre greedy on
class probabilities under the symmetric Kullback-Leibler divergence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Embeddings, LabelledView, PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="k-centre greedy on predictions under the symmetric Kullback-Leibler divergence",
        reference="Agarwal et al., ECCV 2020, arXiv 2008.05723",
        uses={"select": "coreset"},
        aliases=("CDALSampling",),
        family="diversity",
        api=3,
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView) -> Embeddings:
    """Class probabilities, compared by ``KL(p||q)/2 + KL(q||p)/2``."""
    from alframe import Embeddings, SymmetricKL

    parts = (view.lazy_rows(lambda probs, rows: probs) for view in (pool, labelled))
    return Embeddings(*map(SymmetricKL, parts))
