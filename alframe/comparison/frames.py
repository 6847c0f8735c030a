"""A comparison as DataFrames: the numbers of ``alframe compare --format json``, for pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from alframe.comparison.compare import Comparison, SettingComparison
from alframe.records.reading import Unusable, read_text
from alframe.records.rounds import Curves, rounds_of
from alframe.records.tree import SettingRuns

PLACE = ("dataset", "setting", "strategy")
SUMMARY = (
    *("seeds", "labelled", "accuracy", "accuracy_std", "area", "area_std", "area_low", "area_high"),
    *("query_seconds", "query_seconds_std", "query_peak_memory", "train_seconds", "ece", "brier"),
)
CURVES = ("labelled", "seeds", "accuracy", "accuracy_std")
VERDICTS = ("reference", "outcome", "difference", "low", "high", "p", "seeds", "labels_saved", "words")
ROUNDS = ("seed", "round", "labelled", "accuracy")  # the first columns; the others are what was recorded


def summary_frame(found: Comparison) -> pd.DataFrame:
    """A row a setting and strategy, the largest area first, with a column ``against NAME`` a reference."""
    references = list(dict.fromkeys(v.reference for one in found.settings for v in one.verdicts))
    rows = [row for one in found.settings for row in _summary(one, references)]
    return pd.DataFrame(rows, columns=[*PLACE, *SUMMARY, *(f"against {name}" for name in references)])


def _summary(one: SettingComparison, references: Sequence[str]) -> Iterator[list[Any]]:
    outcomes = {(v.strategy, v.reference): v.outcome for v in one.verdicts}

    def rank(name: str) -> float:
        return -one.areas[name].mean if name in one.areas else 1.0

    for name in sorted(one.curves, key=rank):
        last, area, cost = one.curves[name][-1], one.areas.get(name), one.costs[name]
        sure = one.calibrations.get(name)
        yield [
            *_place(one.setting, name),
            *(len(one.setting.strategies[name]), last.labelled, last.mean, last.std),
            *((area.mean, area.std, area.low, area.high) if area else (None,) * 4),
            *(cost.seconds, cost.seconds_std, cost.peak_memory, cost.train_seconds),
            *((sure.ece.mean, sure.brier.mean) if sure else (None, None)),
            *(outcomes.get((name, reference)) for reference in references),
        ]


def curves_frame(found: Comparison) -> pd.DataFrame:
    """A row a setting, strategy and labelled-set size: the mean over seeds."""
    rows = [
        [*_place(one.setting, name), point.labelled, point.seeds, point.mean, point.std]
        for one in found.settings
        for name, curve in one.curves.items()
        for point in curve
    ]
    return pd.DataFrame(rows, columns=[*PLACE, *CURVES])


def verdicts_frame(found: Comparison) -> pd.DataFrame:
    """A row a setting, strategy and reference."""
    rows = []
    for one in found.settings:
        saved = {(saving.strategy, saving.reference): saving.saved for saving in one.savings}
        rows += [
            [
                *_place(one.setting, v.strategy),
                *(v.reference, v.outcome, v.difference, v.low, v.high, v.p, v.seeds),
                *(saved.get((v.strategy, v.reference)), v.words),
            ]
            for v in one.verdicts
        ]
    return pd.DataFrame(rows, columns=[*PLACE, *VERDICTS])


def rounds_frame(settings: Sequence[SettingRuns]) -> pd.DataFrame:
    """A row a setting, strategy, seed and round, with every number that was recorded."""
    rows: list[dict[str, Any]] = []
    for setting in settings:
        files = setting.files("rounds.jsonl")
        for name, trials in setting.strategies.items():
            for seed, curves in trials.items():
                place = dict(zip(PLACE, _place(setting, name), strict=True)) | {"seed": seed}
                if (file := files.get((name, seed))) is None:
                    rows += [place | row for row in _of_curves(curves)]
                    continue
                try:
                    rows += [place | done.flat() for done in rounds_of(read_text(file))]
                except (Unusable, FileNotFoundError):  # changed since the tree was read
                    rows += [place | row for row in _of_curves(curves)]
    frame = pd.DataFrame(rows)
    first = [*PLACE, *ROUNDS]
    return frame[[*first, *(column for column in frame.columns if column not in first)]]


def _of_curves(curves: Curves) -> Iterator[dict[str, Any]]:
    """What another program wrote, which says less."""
    for number, (size, accuracy) in enumerate(zip(curves.labelled, curves.accuracy, strict=True)):
        yield {
            "round": number,
            "labelled": int(size),
            "accuracy": float(accuracy),
            "query_seconds": float(curves.query_seconds[number]),
            "train_seconds": float(curves.train_seconds[number]),
        }


def _place(setting: SettingRuns, strategy: str) -> tuple[str, str, str]:
    return setting.dataset, setting.name, strategy
