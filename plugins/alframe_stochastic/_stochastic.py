"""Draws without replacement by weights, as the largest of the weights' logarithms plus Gumbel noise.

Kirsch et al., TMLR 2023, arXiv 2106.12059; Kool et al., "Stochastic beams and where to find them", ICML 2019,
arXiv 1903.06059, for the noise: the largest ``n`` are distributed as ``n`` draws one after the other.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe import UsageError

ROUNDING = 1e-5  # of the largest score, or of 1: a score of at least 0 may be so far below it


def draw_by_score(
    scores: Float[Tensor, " n"], budget: int, form: str, beta: float, generator: torch.Generator
) -> Int64[Tensor, " k"]:
    """Samples one after the other, with probability proportional to a weight.

    Args:
        scores: ``n`` scores; ``-inf``, and NaN, mean never.
        budget: number of samples.
        form: ``"power"``: the weight is ``score ** beta``, and those of 0 come after all others;
            ``"softmax"``: ``exp(beta * score)``; ``"softrank"``: ``rank ** -beta``, the best has rank 1.
        beta: above 0.
        generator: CPU generator.

    Returns:
        Up to ``budget`` distinct positions in the order they were drawn.

    Raises:
        UsageError: negative scores for ``"power"``.

    Example:
        >>> scores = torch.tensor([0.0, 2.0, -torch.inf, 1.0])
        >>> draw_by_score(scores, 4, "power", 1e9, torch.Generator().manual_seed(0))
        tensor([1, 3, 0])
    """
    order = torch.randperm(len(scores), generator=generator).to(scores.device)  # for what no draw decides
    order = order[scores[order] > -torch.inf]
    uniform = torch.rand(len(order), generator=generator, dtype=torch.float64)
    gumbel = uniform.clamp_(min=torch.finfo(torch.float64).tiny).log_().neg_().log_().neg_()
    keys = _log_weights(scores[order].double(), form) + gumbel.to(scores.device) / beta
    return order[keys.topk(min(budget, len(order))).indices]


def _log_weights(scores: Float[Tensor, " m"], form: str) -> Float[Tensor, " m"]:
    """Logarithms of the weights at ``beta`` 1."""
    if form == "softmax":
        return scores
    if form == "softrank":
        ranks = torch.empty_like(scores)
        best_first = scores.argsort(descending=True, stable=True)
        ranks[best_first] = torch.arange(1, len(scores) + 1, dtype=scores.dtype, device=scores.device)
        return -ranks.log()
    least, most = (float(end) for end in scores.aminmax()) if len(scores) else (0.0, 0.0)
    if least < -ROUNDING * max(1.0, most, -least):
        raise UsageError(
            "stochastic.form=power draws in proportion to score**beta and needs scores of at least 0, "
            f"got {least:g}: take a scorer of such scores, as powermargin's, or stochastic.form=softmax "
            "or softrank"
        )
    return scores.clamp(min=0).log()  # the logarithm of what rounding has made negative is NaN
