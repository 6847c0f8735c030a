"""Divergence of predictions from those of the nearest labelled samples.

Margatina et al., EMNLP 2021, arXiv 2109.03764, algorithm 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import embedding_bag

from alframe.ops import LazyRows, row_blocks


def divergence_from_neighbours(
    features: Float[Tensor, "n d"] | LazyRows,
    logits: Float[Tensor, "n c"] | LazyRows,
    labelled_features: Float[Tensor, "l d"],
    labelled_logits: Float[Tensor, "l c"],
    k: int,
) -> Float[Tensor, " n"]:
    """Mean ``KL(p_j || p_i)`` over the ``k`` nearest labelled rows ``j`` of each row ``i``.

    It is ``mean_j sum p_j log p_j - (mean_j p_j) . log p_i``, so that no row needs ``k x c`` numbers. Rows
    are compared at unit length; a row of zeros stays one. All is computed in float64.

    Args:
        features: ``n x d`` tensor, or rows that are made when they are looked at.
        logits: ``n x c`` tensor, or rows that are made when they are looked at.
        labelled_features: ``l x d`` tensor, at least one row. Of equally near rows the order decides.
        labelled_logits: ``l x c`` tensor.
        k: number of neighbours; all where there are fewer.

    Returns:
        ``n`` numbers in nats, at least 0.
    """
    others = _at_unit_length(labelled_features)
    half_norms = others.square().sum(dim=1) / 2
    log_q = labelled_logits.double().log_softmax(dim=1)
    q = log_q.exp()
    minus_entropies = (q * log_q).sum(dim=1)
    k = min(k, len(others))
    scores = half_norms.new_empty(len(features))
    for block in row_blocks(len(features), len(others) + others.shape[1] + 3 * q.shape[1], q.device):
        nearness = _at_unit_length(features[block]) @ others.T - half_norms
        nearest = nearness.topk(k, dim=1).indices
        mean_q = embedding_bag(nearest, q, mode="mean")
        log_p = logits[block].double().log_softmax(dim=1)
        scores[block] = minus_entropies[nearest].mean(dim=1) - torch.linalg.vecdot(mean_q, log_p)
    return scores.clamp_(min=0)


def _at_unit_length(rows: Tensor) -> Tensor:
    rows = rows.double()
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(norms > 0, norms, 1.0)
