"""Which strategy beats which: paired t-tests over seeds, and the pairwise penalty matrix.

The matrix is that of the BADGE paper (Ash et al., ICLR 2020, arXiv 1906.03671).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from alframe.errors import UsageError
from alframe.records.rounds import Curves
from alframe.records.tree import SettingRuns

ALPHA = 0.05
Test = tuple[tuple[int, int], float, int]  # a pair of strategies, its t, its number of seeds
DIGITS = 12  # differences of accuracies are rounded to so many decimals, so that equal ones are equal


@dataclasses.dataclass(frozen=True)
class Criterion:
    """When a difference counts.

    Attributes:
        ddof: the standard deviation over S seeds has ``S - ddof`` degrees of freedom. 1 is Student's t; 0 is
            what the ALFA-Mix authors' program computes, with which more than 5 % of equal strategies differ.
        critical: the |t| above which a difference counts; None: the two-sided 5 % value of Student's t with
            S - 1 degrees of freedom (2.776 at five seeds).
        holm: correct by Holm (1979) for the many comparisons: in the penalty matrix for all pairs of a round.

    Raises:
        UsageError: ``holm`` with ``critical``, or a value out of range.
    """

    ddof: int = 1
    critical: float | None = None
    holm: bool = False

    def __post_init__(self) -> None:
        if self.ddof not in (0, 1):
            raise UsageError(f"ddof is 0 or 1, not {self.ddof}")
        if self.critical is not None and not 0 < self.critical < math.inf:
            raise UsageError(f"the critical value of |t| must be above 0 and finite, not {self.critical}")
        if self.critical is not None and self.holm:
            raise UsageError("a critical value and Holm's correction exclude each other: leave one out")


@dataclasses.dataclass(frozen=True)
class PenaltyMatrix:
    """How often strategies beat each other, K strategies.

    Attributes:
        strategies: K names.
        wins: K x K; cell (i, j) is the share of rounds in which i beats j, summed over settings where there
            are several; NaN on the diagonal and where nothing could be tested.
        settings: number of settings summed over.
    """

    strategies: tuple[str, ...]
    wins: NDArray[np.float64]
    settings: int = 1

    @property
    def penalties(self) -> NDArray[np.float64]:
        """K column sums over K - 1: how often a strategy is beaten, lower is better.

        NaN where a cell of the column is, and of a single strategy, which nothing could beat.
        """
        count = len(self.strategies)
        if count == 1:
            return np.full(1, np.nan)
        return np.where(~np.eye(count, dtype=bool), self.wins, 0.0).sum(axis=0) / (count - 1)

    @property
    def is_complete(self) -> bool:
        """Whether every pair could be tested."""
        return bool(np.isfinite(self.wins[~np.eye(len(self.strategies), dtype=bool)]).all())


def paired_t(differences: ArrayLike, ddof: int = 1) -> float:
    """Computes ``t = sqrt(S) mean / sd`` of S differences.

    Equal differences have sd = 0: then t is infinite with the sign of the mean, and 0 if that is 0.

    Args:
        differences: S numbers, at least 2.
        ddof: sd has ``S - ddof`` degrees of freedom.
    """
    d = np.round(np.asarray(differences, dtype=float), DIGITS)
    mean = d.mean()
    if np.ptp(d) == 0:
        return float(np.copysign(np.inf, mean)) if mean else 0.0
    return float(np.sqrt(len(d)) * mean / d.std(ddof=ddof))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusts M p-values by Holm's step-down procedure (Scand. J. Statist. 6, 1979).

    Args:
        p: M p-values.

    Returns:
        M adjusted p-values, at most 1, in the order given.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def penalty_matrix(
    setting: SettingRuns, criterion: Criterion | None = None
) -> tuple[PenaltyMatrix, list[str]]:
    """Computes the pairwise penalty matrix of a setting.

    Every round after the initial labelled set is tested, pair by pair, over the seeds that both have there.

    Args:
        setting: K strategies with their trials.
        criterion: when a difference counts; by default Student's t at 5 %.

    Returns:
        The matrix, and notes on strategies that lack seeds or rounds and on pairs that can't be tested.
    """
    criterion = criterion or Criterion()
    names = tuple(setting.strategies)
    later = [_later(setting.strategies[name]) for name in names]
    rounds: dict[int, list[Test]] = {}
    too_few = []
    for i, j in itertools.combinations(range(len(names)), 2):
        differences = _differences(later[i], later[j])
        tested = {size: d for size, d in differences.items() if len(d) >= 2}
        for size, d in tested.items():
            rounds.setdefault(size, []).append(((i, j), paired_t(d, criterion.ddof), len(d)))
        if not tested:
            too_few.append(f"{names[i]} and {names[j]}")
    notes = _left_out(setting)
    if too_few:
        notes.append(f"too few seeds in common to test {', '.join(too_few)}")
    wins = np.full((len(names), len(names)), np.nan)
    counts = np.zeros_like(wins)
    for tests in rounds.values():
        for ((i, j), t, _), significant in zip(tests, _significant(tests, criterion), strict=True):
            if not counts[i, j]:
                wins[i, j] = wins[j, i] = 0
            counts[i, j] += 1
            counts[j, i] += 1
            wins[i, j] += significant and t > 0
            wins[j, i] += significant and t < 0
    return PenaltyMatrix(names, wins / np.maximum(counts, 1)), notes


def total_penalties(matrices: list[PenaltyMatrix]) -> PenaltyMatrix | None:
    """Adds up the matrices of settings.

    Only settings that have every strategy and every cell are added: a strategy that is absent from a setting
    can't be beaten there, and would look better for it.

    Args:
        matrices: one a setting.

    Returns:
        The sum over strategies in the order of their names; None with one strategy, or where no setting is
        complete.
    """
    names = tuple(sorted({name for matrix in matrices for name in matrix.strategies}))
    complete = [matrix for matrix in matrices if matrix.is_complete and set(matrix.strategies) == set(names)]
    if not complete or len(names) < 2:
        return None
    ordered = [[matrix.strategies.index(name) for name in names] for matrix in complete]
    wins = sum(
        (matrix.wins[np.ix_(order, order)] for matrix, order in zip(complete, ordered, strict=True)),
        np.zeros((len(names), len(names))),
    )
    return PenaltyMatrix(names, wins, len(complete))


def _significant(tests: list[Test], criterion: Criterion) -> NDArray[np.bool_]:
    t = np.abs([t for _, t, _ in tests])
    degrees = np.array([seeds - 1 for *_, seeds in tests])
    if criterion.holm:
        return np.asarray(holm(2 * stats.t.sf(t, degrees)) < ALPHA)
    critical = criterion.critical if criterion.critical is not None else stats.t.isf(ALPHA / 2, degrees)
    return np.asarray(t > critical)


def _later(trials: Mapping[int, Curves]) -> dict[int, dict[int, float]]:
    """Accuracy after the initial set, by seed and labelled-set size."""
    return {
        seed: dict(zip(trial.labelled[1:].tolist(), trial.accuracy[1:].tolist(), strict=True))
        for seed, trial in trials.items()
    }


def _differences(
    a: Mapping[int, Mapping[int, float]], b: Mapping[int, Mapping[int, float]]
) -> dict[int, list[float]]:
    """Accuracy of ``a`` minus that of ``b`` at the seeds in common, by labelled-set size."""
    found: dict[int, list[float]] = {}
    for seed in sorted(a.keys() & b.keys()):
        for size in a[seed].keys() & b[seed].keys():
            found.setdefault(size, []).append(a[seed][size] - b[seed][size])
    return found


def _left_out(setting: SettingRuns) -> list[str]:
    """Notes on the strategies that lack seeds or sizes that others have."""
    seeds = {name: set(trials) for name, trials in setting.strategies.items()}
    sizes = {
        name: {size for trial in trials.values() for size in trial.labelled.tolist()}
        for name, trials in setting.strategies.items()
    }
    return [
        f"{name} has {len(own)} of {len(everything)} {what}: pairs are compared over the {what} in common"
        for what, sets in (("seeds", seeds), ("labelled-set sizes", sizes))
        for everything in [set.union(*sets.values())]
        for name, own in sets.items()
        if own != everything
    ]
