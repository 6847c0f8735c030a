"""A comparison for programs: JSON with everything, CSV with the curves."""

from __future__ import annotations

import csv
import dataclasses
import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from alframe.comparison.compare import Comparison, SettingComparison
from alframe.comparison.significance import Criterion, PenaltyMatrix
from alframe.records.tree import ResultsTree
from alframe_cli.output import print_json
from alframe_cli.plain_text import plain

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins one in a spreadsheet
COLUMNS = ("dataset", "setting", "strategy", "labelled", "seeds", "mean", "std")


def print_csv(found: Comparison) -> None:
    """Prints one tidy table of all curves, a row a setting, strategy and labelled-set size."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found.settings:
        for strategy, curve in one.curves.items():
            for point in curve:
                std = "" if point.std is None else point.std
                place = map(_text, (one.setting.dataset, one.setting.name, strategy))
                writer.writerow((*place, point.labelled, point.seeds, point.mean, std))


def _text(name: str) -> str:
    """A cell that no spreadsheet takes for a formula, and no terminal for an order."""
    return f"'{plain(name)}" if name.startswith(FORMULA) else plain(name)


def print_everything(found: Comparison, tree: ResultsTree, criterion: Criterion) -> None:
    """Prints one JSON document, trials and notes included; what is not known is null."""
    print_json(
        {
            "level": tree.level,
            "criterion": _plain(criterion),
            "settings": [_setting(one) for one in found.settings],
            "total": None if found.total is None else _matrix(found.total),
            "ranks": _plain(found.ranks),
            "tally": [
                {"strategy": strategy, "reference": reference, **counts}
                for (strategy, reference), counts in found.tally.items()
            ],
            "notes": [*tree.notes, *found.notes],
        }
    )


def _setting(one: SettingComparison) -> dict[str, Any]:
    return {
        "dataset": one.setting.dataset,
        "setting": one.setting.name,
        "strategies": {
            name: {
                "curve": _plain(one.curves[name]),
                "area": _plain(one.areas.get(name)),
                "cost": _plain(one.costs[name]),
                "calibration": _plain(one.calibrations.get(name)),
                "trials": _plain(trials),
            }
            for name, trials in one.setting.strategies.items()
        },
        "labels_saved": _plain(one.savings),
        "penalties": _matrix(one.penalties),
        "verdicts": _plain(one.verdicts),
        "notes": one.notes,
    }


def _matrix(matrix: PenaltyMatrix) -> dict[str, Any]:
    return {**_plain(matrix), "penalties": _plain(matrix.penalties)}


def _plain(value: Any) -> Any:
    """The same in JSON's types; NaN, which JSON lacks, is None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
