"""How sure strategies' networks are for how right they are: calibration at one labelled-set size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from alframe.comparison.curves import CurvePoint, budget_curve
from alframe.records.rounds import Curves
from alframe.records.tree import SettingRuns

NUMBERS: tuple[Literal["ece", "brier"], ...] = ("ece", "brier")


@dataclasses.dataclass(frozen=True)
class ReliabilityBin:
    """A bin of a reliability diagram, the seeds together.

    Attributes:
        number: ``b`` of 0..14, for confidences in ``(b/15, (b+1)/15]``.
        samples: test samples of all seeds, above 0.
        confidence: their mean confidence.
        accuracy: share of them predicted right.
    """

    number: int
    samples: int
    confidence: float
    accuracy: float


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Calibration of one strategy at a labelled-set size.

    Attributes:
        labelled: the size.
        ece: expected calibration error: mean and standard deviation over seeds.
        brier: Brier score, likewise.
        bins: those that hold samples; a seed weighs as many as it has in the bin.
    """

    labelled: int
    ece: CurvePoint
    brier: CurvePoint
    bins: list[ReliabilityBin]

    @property
    def samples(self) -> int:
        """Test samples of all seeds."""
        return sum(row.samples for row in self.bins)


def calibrations(setting: SettingRuns, labelled: int) -> dict[str, Calibration]:
    """Finds the calibration of each strategy; those whose records have none are left out.

    Args:
        setting: the trials.
        labelled: a labelled-set size.
    """
    found = {name: _calibration(trials, labelled) for name, trials in setting.strategies.items()}
    return {name: one for name, one in found.items() if one}


def calibration_curves(setting: SettingRuns, of: Literal["ece", "brier"]) -> dict[str, list[CurvePoint]]:
    """Averages a number over seeds, size by size, by strategy; those whose records have none are left out.

    Args:
        setting: the trials.
        of: which number.
    """
    curves = {name: budget_curve(trials, of) for name, trials in setting.strategies.items()}
    return {name: curve for name, curve in curves.items() if curve}


def _calibration(trials: Mapping[int, Curves], labelled: int) -> Calibration | None:
    ece, brier = (
        [point for point in budget_curve(trials, of) if point.labelled == labelled] for of in NUMBERS
    )
    bins = _pooled(trials, labelled)
    return Calibration(labelled, ece[0], brier[0], bins) if ece and brier and bins else None


def _pooled(trials: Mapping[int, Curves], labelled: int) -> list[ReliabilityBin]:
    rows: dict[int, list[tuple[float, float, float]]] = {}
    for trial in trials.values():
        for size, bins in zip(trial.labelled.tolist(), trial.reliability, strict=False):
            for number, *row in bins or () if size == labelled else ():
                rows.setdefault(number, []).append((row[0], row[1], row[2]))
    pooled = []
    for number in sorted(rows):
        counts, confidence, accuracy = np.array(rows[number]).T
        means = (float(np.average(values, weights=counts)) for values in (confidence, accuracy))
        pooled.append(ReliabilityBin(number, int(counts.sum()), *means))
    return pooled
