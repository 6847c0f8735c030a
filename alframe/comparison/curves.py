"""Budget curves, accuracy by labelled-set size, and the order of strategies by the area under them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from alframe.records.rounds import Curves


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """Accuracy at one labelled-set size, or another number of the record.

    Attributes:
        labelled: number of labelled samples.
        seeds: number of seeds S that have this size.
        mean: mean over them, of accuracy between 0 and 1.
        std: standard deviation over them (S-1 degrees of freedom); None with one.
    """

    labelled: int
    seeds: int
    mean: float
    std: float | None


def budget_curve(
    trials: Mapping[int, Curves], of: Literal["accuracy", "ece", "brier"] = "accuracy"
) -> list[CurvePoint]:
    """Averages the trials of a strategy, size by size, over the seeds that have the size.

    Args:
        trials: by seed.
        of: which number; rounds where it is not known are left out.
    """
    by_size: dict[int, list[float]] = {}
    for trial in trials.values():
        column = getattr(trial, of)
        values = [] if column is None else zip(trial.labelled.tolist(), column.tolist(), strict=True)
        for size, value in values:
            if not math.isnan(value):
                by_size.setdefault(size, []).append(value)
    return [
        CurvePoint(size, len(values), float(np.mean(values)), deviation(values))
        for size, values in sorted(by_size.items())
    ]


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation (S-1 degrees of freedom) of S numbers; None of one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
