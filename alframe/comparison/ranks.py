"""Mean ranks of strategies across settings (Demsar, JMLR 7, 2006)."""

from __future__ import annotations

import dataclasses
import itertools
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from alframe.comparison.significance import ALPHA, DIGITS, holm


@dataclasses.dataclass(frozen=True)
class PairTest:
    """Wilcoxon's signed-rank test of two strategies across settings.

    Attributes:
        first: a strategy.
        second: another.
        p: two-sided p-value, adjusted by Holm for all pairs.
    """

    first: str
    second: str
    p: float


@dataclasses.dataclass(frozen=True)
class Ranks:
    """K strategies ranked in N settings.

    Attributes:
        strategies: K names, the best mean rank first.
        mean_ranks: K mean ranks; 1 is best, ties share their mean.
        settings: N.
        friedman_p: p-value of Friedman's test that all are equal; None with two strategies.
        critical_difference: mean ranks that differ by less don't differ by Nemenyi's test at 5 %.
        pairs: Wilcoxon's tests; empty where N settings are too few for p < 0.05.
        notes: what could not be tested.
    """

    strategies: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    settings: int
    friedman_p: float | None
    critical_difference: float
    pairs: tuple[PairTest, ...]
    notes: tuple[str, ...]


def rank(strategies: list[str], values: NDArray[np.float64]) -> Ranks:
    """Ranks strategies by a value of which more is better.

    Args:
        strategies: K names, at least 2.
        values: ``N x K`` numbers, a row a setting, at least 2 rows.
    """
    values = np.round(np.asarray(values, dtype=float), DIGITS)
    settings, count = values.shape
    ranks = stats.rankdata(-values, axis=1).mean(axis=0)
    order = np.argsort(ranks, kind="stable")
    notes = []
    friedman_p = None
    if count < 3:
        notes.append("Friedman's test needs three strategies")
    elif (np.ptp(values, axis=1) == 0).all():
        friedman_p = 1.0
    else:
        friedman_p = float(stats.friedmanchisquare(*values.T).pvalue)
    pairs: tuple[PairTest, ...] = ()
    if smallest_p(settings) < ALPHA:
        pairs = _wilcoxon(strategies, values)
        if (bound := smallest_p(settings) * len(pairs)) >= ALPHA:
            corrected = f"Holm's correction for {len(pairs)} pairs leaves no p below {min(1.0, bound):.3g}"
            notes.append(f"too few settings for Wilcoxon's test: with {settings} {corrected}")
    else:
        least = f"with {settings} its p can't be below {smallest_p(settings):.3g}"
        notes.append(f"too few settings for Wilcoxon's test: {least}")
    quantile = stats.studentized_range.isf(ALPHA, count, np.inf) / np.sqrt(2)
    return Ranks(
        strategies=tuple(strategies[k] for k in order),
        mean_ranks=tuple(float(ranks[k]) for k in order),
        settings=settings,
        friedman_p=friedman_p,
        critical_difference=float(quantile * np.sqrt(count * (count + 1) / (6 * settings))),
        pairs=pairs,
        notes=tuple(notes),
    )


def smallest_p(n: int) -> float:
    """The smallest two-sided p-value that Wilcoxon's signed-rank test can give for n pairs: ``2 / 2^n``."""
    return float(min(1.0, 2.0 ** (1 - n)))


def _wilcoxon(strategies: list[str], values: NDArray[np.float64]) -> tuple[PairTest, ...]:
    indices = list(itertools.combinations(range(len(strategies)), 2))
    p = []
    for i, j in indices:
        difference = np.round(values[:, i] - values[:, j], DIGITS)
        with warnings.catch_warnings():  # older scipy warns of ties, for which it approximates
            warnings.simplefilter("ignore", UserWarning)
            p.append(float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0)
    return tuple(
        PairTest(strategies[i], strategies[j], float(adjusted))
        for (i, j), adjusted in zip(indices, holm(p), strict=True)
    )
