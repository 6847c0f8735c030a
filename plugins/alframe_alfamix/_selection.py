"""From flip thresholds to a query: thresholds for any head, then one candidate a cluster.

Parvaneh et al., CVPR 2022, arXiv 2203.07034, section 3: k-means on the candidates' features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alframe import Geometry, UsageError
from alframe.ops import kmeans, nearest_to_centres
from alframe_alfamix._alfamix import flip_thresholds
from alframe_alfamix._steps import flip_thresholds_by_steps, growing_caps


def thresholds(head: nn.Module, features: Tensor, anchors: Tensor, cap: float, growth: bool) -> Tensor:
    """Flip thresholds of ``N`` samples: exact for a linear head, else to the step of the caps.

    Args:
        head: maps features to logits.
        features: ``N x D`` tensor.
        anchors: ``K x D`` tensor.
        cap: first cap tried with a head that is not linear.
        growth: whether larger ones are tried too.
    """
    if len(anchors) == 0:
        return features.new_full((len(features),), torch.inf)
    if isinstance(head, nn.Linear):
        return flip_thresholds(features, head.weight.detach(), _bias(head), anchors)
    return flip_thresholds_by_steps(head, features, anchors, growing_caps(cap, growth))


def _bias(head: nn.Linear) -> Tensor | None:
    return None if head.bias is None else head.bias.detach()


def one_a_cluster(
    embedding: Geometry, candidates: Tensor, scores: Tensor | None, n: int, generator: torch.Generator
) -> tuple[Tensor, bool]:
    """Up to ``n`` candidates: all of them, or the nearest to each of ``n`` k-means centres.

    k-means clusters vectors. Those of an `OuterProduct` are built within the bound that the geometry states,
    and sketched beyond it; those of `SymmetricKL` approximate its distances.

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
        x, exact = points.vectors(generator)
        candidates = candidates[nearest_to_centres(x, kmeans(x, n, generator))]
    if scores is not None:
        candidates = candidates[scores[candidates].argsort(descending=True, stable=True)]
    return candidates, exact
