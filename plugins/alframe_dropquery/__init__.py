"""DropQuery: label what changes its class when most of its features are dropped, one a cluster.

Gupte et al., "Revisiting active learning in the era of vision foundation models", TMLR 2024,
arXiv 2401.14555. Dropout acts on the features, before the head: the network itself needs none.
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
    """Options of DropQuery."""

    passes: int = option(3, "predictions of each sample with features dropped", least=1)
    dropout: float = option(0.75, "share of the features that is dropped", least=0, below=1)
    oversampling: float = option(
        25.0, "candidates for each sample of the budget; with fewer, fewer changes make a candidate", least=0
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="samples whose class changes when features are dropped, one a cluster",
        reference="Gupte et al., TMLR 2024, arXiv 2401.14555",
        options=Options,
        expected_failures={"cuda": "dropout masks are drawn on the device, and a GPU draws others"},
        needs=("score:weights",),
        family="both",
        score_range="unit",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, options: Options, ctx: Context) -> Tensor:
    """The share of the passes that predict another class."""
    from alframe import UsageError
    from alframe_dropquery._dropquery import share_of_changes

    if ctx.model is None:
        raise UsageError("dropquery needs a head: pass head=(W, b), the network's last linear layer")
    features = pool.lazy_rows(of="features")
    return share_of_changes(ctx.model.head, features, options.passes, options.dropout, ctx.generator)


@hookimpl
def alframe_select(pool: PoolView, scores: Tensor | None, n: int, options: Options, ctx: Context) -> Tensor:
    """The sample nearest to each of ``n`` k-means centres of the candidates; all of them where they are few.

    A candidate's class changes in more than half of the passes, or in any where these are too few. Another
    scorer's scores are read the same way, as shares; without scores every sample is a candidate.
    """
    import torch

    from alframe_centroids.clusters import eligible_rows, nearest_to_means
    from alframe_dropquery._dropquery import with_most_changes

    candidates = None
    if scores is not None:
        candidates = torch.full_like(scores, -torch.inf)
        candidates[with_most_changes(scores, n, options.passes, options.oversampling)] = 0
    features, chosen = eligible_rows(pool.lazy_rows(of="fixed"), candidates)
    ctx.log("candidates", len(chosen))
    chosen = chosen[nearest_to_means(features, n, ctx.generator)]
    if scores is not None:
        chosen = chosen[scores[chosen].argsort(descending=True, stable=True)]
    return chosen
