"""How accurate a network is, with an interval: from audit samples that were drawn at random or by a proposal.

Neither the accuracy on samples that a strategy chose nor the network's mean confidence is one: the first is
of the hardest samples, the second is what the network thinks of itself.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

NORMAL_FROM = 100  # samples from which on a mean of weighted errors is near normal
RESAMPLES = 2000
DOUBT = 0.9  # share of the proposal that goes by the network's doubt; the rest is uniform


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate and where the true value lies, with a confidence of ``level``.

    Attributes:
        estimate: the estimate.
        low: lower end.
        high: upper end.
        count: how many samples it is from.
        level: the confidence.
    """

    estimate: float
    low: float
    high: float
    count: int
    level: float = 0.95


def wilson(right: int, n: int, level: float = 0.95) -> Interval:
    """A share by Wilson's score interval: for samples drawn uniformly, it holds for any ``n``.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. Samples are
    drawn without replacement, which it does not count on: of a large part of a small pool it covers more.

    Args:
        right: how many were classified rightly.
        n: of how many, at least 1.
        level: the confidence.
    """
    z = _quantile(level)
    centre, half = _score_interval(right / n, n, z)
    low = 0.0 if right == 0 else centre - half  # exactly, whatever rounding makes of it
    high = 1.0 if right == n else centre + half
    return Interval(right / n, low, high, n, level)


def proposal(confidence: Any) -> Floats:
    """Weights by which samples are drawn for an active audit: doubt, and a tenth for all alike.

    Args:
        confidence: ``N`` numbers, the largest probability that the network gives a class of each sample.

    Returns:
        ``N`` positive weights that sum to 1: where nothing is doubted, all alike.
    """
    doubt = 1 - np.asarray(confidence, dtype=np.float64)
    mean = doubt.mean()
    if not mean > 0:
        return np.full(len(doubt), 1 / len(doubt))
    weights: Floats = DOUBT * doubt + (1 - DOUBT) * mean
    return weights / weights.sum()


def draw(weights: Any, count: int, generator: np.random.Generator) -> tuple[list[int], list[float]]:
    """Draws one sample after the other by their weights, without replacement.

    The largest of logarithms with Gumbel noise are such a draw (Vieira, "Gumbel-max trick and weighted
    reservoir sampling", 2014).

    Args:
        weights: ``N`` positive weights.
        count: how many; all where there are fewer.
        generator: of the draws.

    Returns:
        Positions in the order drawn, and with which probability each was drawn from those that were left.
    """
    shares = np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum()
    order = np.argsort(-(np.log(shares) + generator.gumbel(size=len(shares))), kind="stable")
    left = np.cumsum(shares[order][::-1])[::-1]  # from the end: nothing cancels
    chosen = order[:count]
    return chosen.tolist(), np.minimum(shares[chosen] / left[:count], 1.0).tolist()


def lure_weights(q: Sequence[float], pool: int) -> Floats:
    """Weights of samples in a mean that has no bias, whatever they were drawn by.

    Farquhar, Gal and Rainforth, "On statistical bias in active learning", ICLR 2021, arXiv 2101.11665:
    ``v_m = 1 + (N - M) / (N - m) (1 / ((N - m + 1) q_m) - 1)``.

    Args:
        q: for each of ``M`` samples, in the order drawn, the probability with which it was drawn from those
            that were left.
        pool: how many there were at first, ``N``.
    """
    count = len(q)
    m = np.arange(1, count + 1)
    if count == pool:  # all were looked at: a plain mean
        return np.ones(count)
    inner = 1 / ((pool - m + 1) * np.asarray(q, dtype=np.float64)) - 1
    weights: Floats = 1 + (pool - count) / (pool - m) * inner
    return weights


def lure(
    right: Sequence[bool], q: Sequence[float], pool: int, level: float = 0.95, seed: int = 0
) -> Interval:
    """The accuracy on a pool, from samples that were drawn by how likely they are classified wrongly.

    Kossen, Farquhar, Gal and Rainforth, "Active testing", ICML 2021, arXiv 2103.05331. The interval
    of fewer than 100 samples is by bootstrap-t (Efron and Tibshirani, "An introduction to the bootstrap",
    1993, section 12.5), which allows for a long tail. Of more, and where there are too few errors to say how
    errors spread, it is Wilson's of as many samples as would tell as much, were they drawn uniformly
    (effective sample size: Korn and Graubard, Survey Methodology 1998).

    Args:
        right: for each of ``M`` samples, in the order drawn, whether it was classified rightly; at least 1.
        q: the probabilities with which they were drawn, see `lure_weights`.
        pool: from how many.
        level: the confidence.
        seed: of the bootstrap.
    """
    errors = lure_weights(q, pool) * ~np.asarray(right, dtype=bool)
    low, high = _by_effective_size(errors, level)
    if 1 < len(errors) < NORMAL_FROM and errors.std():
        low, high = _by_bootstrap(errors, level, seed, (low, high))
    error, low, high = np.clip([errors.mean(), low, high], 0, 1)
    return Interval(float(1 - error), float(1 - high), float(1 - low), len(errors), level)


def paired_gain(gained: int, lost: int, n: int, level: float = 0.95) -> Interval:
    """By how much the accuracy has changed between two networks that classified the same samples.

    McNemar's setting; the interval is Bonett and Price's ("Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data", 2012), which holds also where few answers have changed.

    Args:
        gained: samples that the first got wrong and the second right.
        lost: the reverse.
        n: all samples that both classified, at least 1.
        level: the confidence.
    """
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = _quantile(level) * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Interval((gained - lost) / n, low, high, n, level)


def _by_effective_size(errors: Floats, level: float) -> tuple[float, float]:
    """Wilson's of the mean of weighted errors, by the size of a uniform sample that tells as much."""
    count, mean = len(errors), float(np.clip(errors.mean(), 0, 1))
    variance = float(errors.var(ddof=1)) / count if count > 1 else 0.0
    size = mean * (1 - mean) / variance if variance > 0 else 0.0
    centre, half = _score_interval(mean, size or count, _quantile(level))
    return centre - half, centre + half


def _by_bootstrap(
    errors: Floats, level: float, seed: int, otherwise: tuple[float, float]
) -> tuple[float, float]:
    """Bootstrap-t of the mean; an end that resamples without any error leave open is ``otherwise``'s."""
    count, mean = len(errors), errors.mean()
    resampled = errors[np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))]
    spread = resampled.std(axis=1, ddof=1)
    with np.errstate(divide="ignore"):
        t = np.where(spread > 0, (resampled.mean(axis=1) - mean) / spread, -np.inf)
    least, most = np.quantile(t, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    of_mean = errors.std(ddof=1)
    high = mean - least * of_mean if np.isfinite(least) else otherwise[1]
    return float(mean - most * of_mean), float(high)


def _score_interval(share: float, n: float, z: float) -> tuple[float, float]:
    """Centre and half the width of Wilson's interval."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre, half


def _quantile(level: float) -> float:
    return statistics.NormalDist().inv_cdf((1 + level) / 2)
