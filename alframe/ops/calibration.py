"""Calibration: whether probabilities are as sure as they are right, and the temperature that makes them so.

Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEAST, MOST = 0.05, 20.0  # temperatures
STEPS = 200  # bisection alone needs 60


def reliability_bins(confidence: Tensor, right: Tensor, bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """Sums up samples by their confidence: the bins of a reliability diagram.

    Bin ``b`` of ``B`` holds the confidences in ``(b/B, (b+1)/B]``, the first one 0 as well.

    Args:
        confidence: ``n`` probabilities of the predicted classes.
        right: ``n`` booleans, whether the predictions are right.
        bins: how many, of equal width.

    Returns:
        Of each bin the number of samples, the sum of their confidences, how many are right, all float64.
    """
    edges = torch.arange(1, bins, dtype=torch.float64, device=confidence.device) / bins
    of = torch.bucketize(confidence.double(), edges)
    counts, confidences, rights = (
        torch.zeros(bins, dtype=torch.float64, device=of.device).index_add_(0, of, values.double())
        for values in (torch.ones_like(confidence), confidence, right)
    )
    return counts, confidences, rights


def calibration_error(confidence: Tensor, right: Tensor, bins: int = 15) -> float:
    """The expected calibration error, ``sum_b n_b/n |accuracy of b - mean confidence of b|``.

    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; equation 5 of
    Guo et al., ICML 2017, arXiv 1706.04599. Bins are those of `reliability_bins`.

    Args:
        confidence: ``n`` probabilities of the predicted classes.
        right: ``n`` booleans, whether the predictions are right.
        bins: how many, of equal width.

    Example:
        >>> import torch
        >>> round(calibration_error(torch.tensor([0.9, 0.9]), torch.tensor([True, False])), 6)
        0.4
    """
    _, confidences, rights = reliability_bins(confidence, right, bins)
    return float((rights - confidences).abs().sum() / len(confidence))


def best_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature ``T`` from 0.05 to 20 that minimises the mean log loss of ``softmax(logits / T)``.

    The loss is convex in ``1/T``: Newton's steps, and bisection where one leaves the bracket, in float64 on
    the CPU. Section 4.2 of Guo et al., ICML 2017, arXiv 1706.04599.

    Args:
        logits: ``n x C`` tensor of samples that the network was not trained on.
        targets: ``n`` class numbers.

    Returns:
        The temperature; 1 where it changes nothing, as with equal logits, or where logits are not finite.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
        >>> round(best_temperature(logits, torch.tensor([0, 0, 1])), 4)  # sigmoid(2 / T) = 2 / 3
        2.8854
    """
    logits = logits.detach().cpu().double()
    if not len(logits) or not logits.isfinite().all():
        return 1.0
    logits = logits - logits.amax(dim=1, keepdim=True)
    true = logits.gather(1, targets.cpu()[:, None])[:, 0]
    low, high, inverse = 1 / MOST, 1 / LEAST, 1.0
    (at_low, _), (at_high, _) = _slopes(logits, true, low), _slopes(logits, true, high)
    if at_low == at_high == 0:
        return 1.0
    if at_low >= 0 or at_high <= 0:
        return MOST if at_low >= 0 else LEAST
    for _ in range(STEPS):
        slope, curvature = _slopes(logits, true, inverse)
        if slope == 0:
            break
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / curvature if curvature > 0 else math.inf
        before, inverse = inverse, step if low <= step <= high else (low + high) / 2
        if abs(inverse - before) <= 1e-12 * before or high - low <= 1e-12 * high:
            break
    return 1 / inverse


def _slopes(logits: Tensor, true: Tensor, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean log loss by ``1/T``.

    Args:
        logits: ``n x C`` tensor, float64.
        true: ``n`` logits of the labels.
        inverse: ``1/T``.
    """
    probs = (inverse * logits).softmax(dim=1)
    expected = (probs * logits).sum(dim=1)
    variance = (probs * logits.square()).sum(dim=1) - expected.square()
    return float((expected - true).mean()), float(variance.mean())
