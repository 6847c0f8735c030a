"""Budget curves, accuracy by labelled-set size, and the order of strategies by the area under them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from alframe.areas import area_under_curve, common_grid
from alframe.records.rounds import Trial
from alframe.records.tree import Setting


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """Accuracy at one labelled-set size.

    Attributes:
        labelled: number of labelled samples.
        seeds: number of seeds S that have this size.
        mean: mean accuracy over them, between 0 and 1.
        std: standard deviation over them (S-1 degrees of freedom); None with one.
    """

    labelled: int
    seeds: int
    mean: float
    std: float | None


@dataclasses.dataclass(frozen=True)
class Rank:
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


def budget_curve(trials: Mapping[int, Trial]) -> list[CurvePoint]:
    """Averages the trials of a strategy, size by size, over the seeds that have the size.

    Args:
        trials: by seed.
    """
    by_size: dict[int, list[float]] = {}
    for trial in trials.values():
        for size, accuracy in zip(trial.labelled.tolist(), trial.accuracy.tolist(), strict=True):
            by_size.setdefault(size, []).append(accuracy)
    return [
        CurvePoint(size, len(values), float(np.mean(values)), deviation(values))
        for size, values in sorted(by_size.items())
    ]


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation (S-1 degrees of freedom) of S numbers; None of one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def ranking(strategies: Mapping[str, Mapping[int, Trial]]) -> list[Rank]:
    """Orders strategies, the largest area first; empty where they have no size or no seed in common.

    Args:
        strategies: at least one; the trials of each by seed.
    """
    grid = common_grid(Setting("", "", strategies))
    seeds = sorted(set.intersection(*(set(trials) for trials in grid.accuracies.values())))
    if not seeds:
        return []
    rows = []
    for name, accuracies in grid.accuracies.items():
        mean = np.mean([accuracies[seed] for seed in seeds], axis=0)
        trials = [strategies[name][seed] for seed in seeds]
        rows.append(
            Rank(
                strategy=name,
                area=area_under_curve(grid.sizes, mean),
                last=float(mean[-1]),
                query_seconds=float(np.mean([np.nansum(trial.query_seconds) for trial in trials])),
                train_seconds=float(np.mean([np.nansum(trial.train_seconds) for trial in trials])),
                seeds=len(seeds),
            )
        )
    return sorted(rows, key=lambda row: (-row.area, row.strategy))
