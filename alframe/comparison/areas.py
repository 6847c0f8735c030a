"""The area under the budget curve, and the labels that a strategy saves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import trapezoid
from scipy.special import ndtr, stdtrit

from alframe.records.rounds import Curves
from alframe.records.tree import SettingRuns

RESAMPLES = 10_000
LEVEL = 0.95
EQUAL = 1e-12  # mean accuracies that differ by less are equal: the same mean may be rounded differently


@dataclasses.dataclass(frozen=True)
class Grid:
    """The part of a setting in which all strategies can be compared.

    Attributes:
        sizes: the G labelled-set sizes that every strategy reached.
        accuracies: by strategy and seed, G accuracies; trials that lack a size are left out.
        notes: what is left out, a line each.
    """

    sizes: NDArray[np.int64]
    accuracies: Mapping[str, Mapping[int, NDArray[np.float64]]]
    notes: list[str]


@dataclasses.dataclass(frozen=True)
class Area:
    """The area under a strategy's budget curves over the range of sizes: a mean accuracy.

    Attributes:
        by_seed: the area of each trial.
        mean: mean over seeds.
        std: standard deviation over seeds (S-1 degrees of freedom); None with one seed.
        low: lower end of the 95 % bootstrap interval of the mean; None with one seed.
        high: its upper end.
    """

    by_seed: Mapping[int, float]
    mean: float
    std: float | None
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Saving:
    """Labels saved against a reference at equal accuracy.

    Attributes:
        strategy: its name.
        reference: the strategy that it is held against.
        accuracy: the reference's mean accuracy at its last size.
        labels: where the strategy's mean curve first reaches that; None: not reached.
        saved: the reference's last size minus ``labels``; None: not reached.
        seeds: number of seeds in common that the means are over.
    """

    strategy: str
    reference: str
    accuracy: float
    labels: float | None
    saved: float | None
    seeds: int


def common_grid(setting: SettingRuns) -> Grid:
    """Finds the sizes that every strategy reached, and the trials that have all of them.

    Args:
        setting: at least one strategy.
    """
    reached = {
        name: {int(size) for trial in trials.values() for size in trial.labelled}
        for name, trials in setting.strategies.items()
    }
    sizes = sorted(set.intersection(*reached.values()))
    notes = [note for note in [_fewer(sizes, reached)] if note]
    accuracies: dict[str, dict[int, NDArray[np.float64]]] = {}
    for name, trials in setting.strategies.items():
        accuracies[name] = {}
        for seed, trial in trials.items():
            if not set(sizes) <= set(trial.labelled.tolist()):
                end = f"{name}, seed {seed}, lacks sizes that others have (it ends at {trial.labelled[-1]:,})"
                notes.append(f"{end}: left out of areas, labels saved and verdicts")
            elif sizes:
                accuracies[name][seed] = trial.accuracy[np.isin(trial.labelled, sizes)]
    return Grid(np.array(sizes, dtype=np.int64), accuracies, notes)


def _fewer(sizes: list[int], reached: Mapping[str, set[int]]) -> str:
    """What is left out where the sizes in common are not all there are; "" where they are."""
    if not sizes:
        return "the strategies have no labelled-set size in common: no areas, labels saved or verdicts"
    ends = {name: max(own) for name, own in reached.items()}
    first = min(ends.values())
    short = ", ".join(name for name, end in ends.items() if end == first)
    ending = f"; first to end, at {first:,}: {short}" if first < max(ends.values()) else ""
    if len(sizes) == 1:
        at = f"one labelled-set size in common ({sizes[0]:,}{ending})"
        return (
            f"the strategies have {at}: no areas, labels saved or verdicts; of fewer strategies there may be"
        )
    if len(sizes) < len(set.union(*reached.values())):
        common = f"{len(sizes)} sizes that all strategies have, up to {sizes[-1]:,} labels"
        return f"areas are over the {common}{ending}"
    return ""


def area_under_curve(sizes: ArrayLike, accuracy: ArrayLike) -> float:
    """Computes the area by the trapezoidal rule over the range of sizes; one size: its accuracy.

    Args:
        sizes: G labelled-set sizes, increasing.
        accuracy: G accuracies.

    Example:
        >>> area_under_curve([100, 200, 400], [0.5, 0.7, 0.9])
        0.7333333333333333
    """
    n, values = np.asarray(sizes, dtype=float), np.asarray(accuracy, dtype=float)
    width = n[-1] - n[0]
    return float(trapezoid(values, n) / width) if width else float(values[0])


def bootstrap_interval(values: ArrayLike, generator: np.random.Generator) -> tuple[float, float]:
    """Computes the 95 % interval of the mean from 10,000 resamples, farther out for few values.

    The percentiles are expanded as far as Student's t would lie: Hesterberg, "What Teachers Should Know About
    the Bootstrap", The American Statistician 69, 2015. With five values the plain ones hold the mean in 83 of
    100 cases, these in 91.

    Args:
        values: S numbers, one a seed, at least two.
        generator: draws the resamples.
    """
    x = np.asarray(values, dtype=float)
    means = x[generator.integers(len(x), size=(RESAMPLES, len(x)))].mean(axis=1)
    tail = ndtr(stdtrit(len(x) - 1, (1 - LEVEL) / 2) * np.sqrt(len(x) / (len(x) - 1)))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def areas(grid: Grid, seed: int = 0) -> dict[str, Area]:
    """Computes each strategy's area; a strategy without a complete trial has none.

    One size spans no area, and then no strategy has one: mostly it is the initial set, which all share.

    Args:
        grid: what can be compared.
        seed: of the bootstrap; each strategy's interval depends on its own trials and the seed alone.
    """
    found = {}
    for name, trials in grid.accuracies.items():
        if trials and len(grid.sizes) > 1:
            by_seed = {k: area_under_curve(grid.sizes, accuracy) for k, accuracy in trials.items()}
            values = np.array(list(by_seed.values()))
            several = len(values) > 1
            low, high = bootstrap_interval(values, np.random.default_rng(seed)) if several else (None, None)
            std = float(values.std(ddof=1)) if several else None
            found[name] = Area(by_seed, float(values.mean()), std, low, high)
    return found


def labels_saved(grid: Grid, strategy: str, reference: str) -> Saving | None:
    """Computes how many labels fewer a strategy needs for the reference's final accuracy.

    Both curves are means over the seeds in common, the strategy's linear between sizes.

    Args:
        grid: what can be compared.
        strategy: a name in it.
        reference: another.

    Returns:
        The saving; None where the two have no seed in common.
    """
    a, b = grid.accuracies[strategy], grid.accuracies[reference]
    seeds = sorted(set(a) & set(b))
    if not seeds:
        return None
    curve = np.mean([a[seed] for seed in seeds], axis=0)
    target = float(np.mean([b[seed] for seed in seeds], axis=0)[-1])
    labels = _first_reached(grid.sizes, curve, target)
    saved = None if labels is None else float(grid.sizes[-1] - labels)
    return Saving(strategy, reference, target, labels, saved, len(seeds))


def _first_reached(sizes: NDArray[np.int64], curve: NDArray[np.float64], target: float) -> float | None:
    reached = np.flatnonzero(curve > target - EQUAL)
    if not len(reached):
        return None
    k = int(reached[0])
    if k == 0:
        return float(sizes[0])
    return float(np.interp(target, curve[k - 1 : k + 1], sizes[k - 1 : k + 1]))


@dataclasses.dataclass(frozen=True)
class AreaRow:
    """One row of a ranking.

    Attributes:
        strategy: its name.
        area: area under the budget curve over the labelled-set sizes that all strategies have, divided by
            the range of sizes: a mean accuracy; mean over the seeds that all strategies have.
        last: mean accuracy at the largest of these sizes.
        query_seconds: mean time of all queries of a trial.
        train_seconds: mean time of all trainings of a trial.
        seeds: number of seeds that all strategies have.
    """

    strategy: str
    area: float
    last: float
    query_seconds: float
    train_seconds: float
    seeds: int


def by_area(strategies: Mapping[str, Mapping[int, Curves]]) -> list[AreaRow]:
    """Orders strategies, the largest area first; empty where they have no size or no seed in common.

    Args:
        strategies: at least one; the trials of each by seed.
    """
    grid = common_grid(SettingRuns("", "", strategies))
    seeds = sorted(set.intersection(*(set(trials) for trials in grid.accuracies.values())))
    if not seeds:
        return []
    rows = []
    for name, accuracies in grid.accuracies.items():
        mean = np.mean([accuracies[seed] for seed in seeds], axis=0)
        trials = [strategies[name][seed] for seed in seeds]
        rows.append(
            AreaRow(
                strategy=name,
                area=area_under_curve(grid.sizes, mean),
                last=float(mean[-1]),
                query_seconds=float(np.mean([np.nansum(trial.query_seconds) for trial in trials])),
                train_seconds=float(np.mean([np.nansum(trial.train_seconds) for trial in trials])),
                seeds=len(seeds),
            )
        )
    return sorted(rows, key=lambda row: (-row.area, row.strategy))
