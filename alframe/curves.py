"""Learning curves: accuracy by labelled-set size, over seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping

import torch

from alframe.runs import Record


@dataclasses.dataclass(frozen=True)
class Point:
    """One labelled-set size on a learning curve.

    Attributes:
        labelled: number of labelled samples.
        mean: mean accuracy over seeds, between 0 and 1.
        std: standard deviation over seeds (S-1 degrees of freedom); None with one seed.
        seeds: number of seeds, S.
    """

    labelled: int
    mean: float
    std: float | None
    seeds: int


def learning_curve(trials: Iterable[list[Record]]) -> list[Point]:
    """Averages the trials of one strategy.

    Args:
        trials: each trial's records.
    """
    by_size: dict[int, list[float]] = {}
    for records in trials:
        for record in records:
            by_size.setdefault(record["labelled"], []).append(record["accuracy"])
    return [
        Point(
            labelled=size,
            mean=statistics.fmean(values),
            std=statistics.stdev(values) if len(values) > 1 else None,
            seeds=len(values),
        )
        for size, values in sorted(by_size.items())
    ]


@dataclasses.dataclass(frozen=True)
class Rank:
    """One row of a ranking.

    Attributes:
        strategy: its name.
        area: area under the learning curve over the labelled-set sizes that all strategies have, divided by
            the range of sizes: a mean accuracy.
        last: mean accuracy at the largest of these sizes.
        query_seconds: mean time of all queries of a trial.
        train_seconds: mean time of all trainings of a trial.
    """

    strategy: str
    area: float
    last: float
    query_seconds: float
    train_seconds: float


def ranking(trials: Mapping[str, list[list[Record]]]) -> list[Rank]:
    """Orders strategies by the area under their learning curves, the largest first.

    Args:
        trials: the records of each trial, by strategy.
    """
    curves = {name: {p.labelled: p.mean for p in learning_curve(runs)} for name, runs in trials.items()}
    common = sorted(set.intersection(*map(set, curves.values()))) if curves else []
    if not common:
        return []
    rows = []
    for name, curve in curves.items():
        means = torch.tensor([curve[size] for size in common], dtype=torch.float64)
        width = common[-1] - common[0]
        rows.append(
            Rank(
                strategy=name,
                area=float(torch.trapezoid(means, torch.tensor(common)) / width if width else means[0]),
                last=float(means[-1]),
                query_seconds=_seconds(trials[name], "query_seconds"),
                train_seconds=_seconds(trials[name], "train_seconds"),
            )
        )
    return sorted(rows, key=lambda row: (-row.area, row.strategy))


def _seconds(trials: list[list[Record]], key: str) -> float:
    return statistics.fmean(sum(record[key] for record in records) for records in trials)
