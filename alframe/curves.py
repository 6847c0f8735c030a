"""Learning curves: accuracy by labelled-set size, over seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable

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
