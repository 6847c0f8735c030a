"""From flip thresholds to a query: thresholds for any head, then one candidate a cluster.

Parvaneh et al., CVPR 2022, arXiv 2203.07034, section 3: k-means on the candidates' features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from alframe import Geometry, UsageError
from alframe.ops import LazyRows, kmeans, nearest_to_centres
from alframe_alfamix._alfamix import class_anchors, flip_thresholds
from alframe_alfamix._ratios import smallest_flipping_norms
from alframe_alfamix._steps import flip_thresholds_by_steps, growing_caps

if TYPE_CHECKING:
    from alframe import Context, LabelledView, PoolView
    from alframe_alfamix import Options


def thresholds(
    head: nn.Module, features: Tensor | LazyRows, anchors: Tensor, cap: float, growth: bool
) -> Tensor:
    """Flip thresholds of ``N`` samples: exact for a linear head, else to the step of the caps.

    Args:
        head: maps features to logits.
        features: ``N x D`` tensor, or rows in files.
        anchors: ``K x D`` tensor.
        cap: first cap tried with a head that is not linear.
        growth: whether larger ones are tried too.
    """
    if len(anchors) == 0:
        return anchors.new_full((len(features),), torch.inf)
    if isinstance(head, nn.Linear):
        return flip_thresholds(features, head.weight.detach(), _bias(head), anchors)
    return flip_thresholds_by_steps(head, features, anchors, growing_caps(cap, growth))


def _bias(head: nn.Linear) -> Tensor | None:
    return None if head.bias is None else head.bias.detach()


def flipped_at_larger_caps(
    pool: PoolView, labelled: LabelledView, scores: Tensor, n: int, options: Options, ctx: Context
) -> Tensor:
    """Positions of the samples with a finite score, and of those that flip at larger caps while ``n`` lack.

    The cap grows in steps of itself up to 1; at each the samples that have not flipped yet are tried with
    fresh draws, as the authors' program does. Without a head or labelled samples there is nothing to try.

    Args:
        pool: ``N`` samples.
        labelled: labelled samples.
        scores: ``N`` scores.
        n: the budget.
        options: variant, first cap, growth.
        ctx: the hook's context.
    """
    found = scores > -torch.inf
    if ctx.model is None or not len(labelled):
        return found.nonzero()[:, 0]
    anchors = class_anchors(labelled.features, labelled.targets, ctx.num_classes, options.missing_anchor)
    learned = options.variant == "learned"
    features: Any = pool.lazy_rows(of="features")
    reached, *larger = growing_caps(options.first_cap, options.growth)
    for cap in larger:
        if found.sum() >= n:
            break
        reached, rest = cap, (~found).nonzero()[:, 0]
        left = features[rest] if isinstance(features, Tensor) else features.within_memory(rest)
        norms = smallest_flipping_norms(ctx.model.head, left, anchors, cap, learned, ctx.generator)
        found[rest[norms.isfinite()]] = True
        ctx.progress(round(cap / options.first_cap), len(larger) + 1)
    ctx.log("cap", reached)
    return found.nonzero()[:, 0]


def drawn_from(candidates: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Some of the candidates, each as likely, in their order; all where there are no more.

    Args:
        candidates: ``m`` positions.
        most: how many are drawn.
        generator: CPU generator.
    """
    if len(candidates) <= most:
        return candidates
    drawn = torch.randperm(len(candidates), generator=generator)[:most].sort().values
    return candidates[drawn.to(candidates.device)]


def one_a_cluster(
    embedding: Geometry, candidates: Tensor, scores: Tensor | None, n: int, generator: torch.Generator
) -> tuple[Tensor, bool]:
    """Up to ``n`` candidates: all of them, or the nearest to each of ``n`` k-means centres.

    k-means clusters vectors. Those of an `OuterProduct` are built within the bound that the geometry states,
    and sketched beyond it; those of `SymmetricKL` approximate its distances. Rows in files are clustered as
    they are read, where they may not be held.

    Args:
        embedding: the pool's ``N`` points.
        candidates: ``m`` positions in the pool.
        scores: ``N`` scores that order the answer, best first, or None.
        n: the budget.
        generator: CPU generator.

    Returns:
        Positions in the pool, and whether the distances clustered were exactly those of the embedding.

    Raises:
        UsageError: the embedding's geometry has no vectors.
    """
    exact = True
    if len(candidates) > n:
        points = embedding[candidates]
        if not hasattr(points, "vectors"):
            raise UsageError(
                "alfamix clusters vectors, and the embedding's geometry "
                f"{type(embedding).__name__} offers none"
            )
        x: Any
        if isinstance(rows := getattr(points, "rows", None), LazyRows):
            x = rows.within_memory()
        else:
            x, exact = points.vectors(generator)
        candidates = candidates[nearest_to_centres(x, kmeans(x, n, generator), generator)]
    if scores is not None:
        candidates = candidates[scores[candidates].argsort(descending=True, stable=True)]
    return candidates, exact
