"""What ``run`` prints at its end."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alframe.comparison.areas import by_area
from alframe.comparison.curves import CurvePoint, budget_curve
from alframe.contract.trial import RunSummary
from alframe.errors import AlframeError
from alframe.experiments.settings import NAMED, Settings
from alframe.experiments.trials import Trial
from alframe.records.rounds import Curves, curves_of
from alframe_cli.output import print_json, print_table, side_by_side
from alframe_cli.plain_text import echo

Done = list[tuple[Trial, RunSummary]]
Failed = list[tuple[Trial, AlframeError]]


@dataclasses.dataclass(frozen=True)
class _Setting:
    """What ran on one setting."""

    settings: Settings
    done: Done = dataclasses.field(default_factory=list)
    failed: Failed = dataclasses.field(default_factory=list)

    @property
    def folder(self) -> str:
        return _folder(self.settings)


def print_results(settings: Sequence[Settings], done: Done, failed: Failed, as_json: bool) -> None:
    """Prints each setting's accuracy by labelled-set size, and where the runs are.

    With ``as_json`` prints one document: the setting's, or where there are several ``{"settings": [...]}``.
    """
    found: dict[str, _Setting] = {}
    for one in settings:  # those that differ in a strategy's option alone have one folder, and one table
        found.setdefault(_folder(one), _Setting(one))
    for trial, summary in done:
        found[_folder(trial.settings)].done.append((trial, summary))
    for trial, error in failed:
        found[_folder(trial.settings)].failed.append((trial, error))
    if as_json:
        documents = [_as_data(setting) for setting in found.values()]
        print_json({"settings": documents} if len(documents) > 1 else documents[0])
        return
    shown = [setting for setting in found.values() if setting.done]
    for number, setting in enumerate(shown):
        if number:
            echo()
        _print_setting(setting)
    if len(shown) > 1:
        common = _common_folder(list(found))
        echo(f"\nacross settings: alframe compare {shlex.quote(common)}")


def _folder(settings: Settings) -> str:
    return f"{settings.run.out}/{settings.dataset_folder}/{settings.setting_folder}"


def _common_folder(folders: Sequence[str]) -> str:
    """The data set's folder where there is one, else that of all runs."""
    parents = {str(Path(folder).parent) for folder in folders}
    return parents.pop() if len(parents) == 1 else str(Path(folders[0]).parents[1])


def _print_setting(one: _Setting) -> None:
    settings, done = one.settings, one.done
    curves = _curves(done)
    sizes = sorted({point.labelled for curve in curves.values() for point in curve})
    cells = {name: {point.labelled: _cell(point) for point in curve} for name, curve in curves.items()}
    seeds = len({trial.seed for trial, _ in done})
    values = [f"{key.removeprefix('run.')}={v}" for key, v in settings.varied.items() if key not in NAMED]
    what = ", ".join([settings.source.name, settings.model_name, *values])
    title = f"Accuracy on {what}, " + (
        f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    )
    for names in side_by_side(cells):
        print_table(
            ("labels", *names),
            [(f"{size:,}", *(cells[name].get(size, "-") for name in names)) for size in sizes],
            title=title,
            right=("labels", *names),
        )
        title = ""
    if len(curves) > 1:
        _print_ranking(done, seeds)
    echo(f"runs: {one.folder}")


def _print_ranking(done: Done, seeds: int) -> None:
    ranks = by_area(_trials(done))
    if not ranks:
        echo("no ranking: the strategies have no seed and labelled-set size in common")
        return
    columns = ("rank", "strategy", "mean accuracy", "last accuracy", "queries, s", "training, s")
    rows = [
        (
            str(number),
            row.strategy,
            f"{row.area:.4f}",
            f"{row.last:.4f}",
            f"{row.query_seconds:.2f}",
            f"{row.train_seconds:.2f}",
        )
        for number, row in enumerate(ranks, start=1)
    ]
    title = "Ranking by the area under the learning curve; seconds a trial"
    if ranks[0].seeds < seeds:
        title += f"; over the {ranks[0].seeds} of {seeds} seeds that all strategies have"
    print_table(columns, rows, title=title, right=columns[2:])


def _curves(done: Done) -> dict[str, list[CurvePoint]]:
    return {strategy: budget_curve(trials) for strategy, trials in _trials(done).items()}


def _trials(done: Done) -> dict[str, dict[int, Curves]]:
    by_strategy: dict[str, dict[int, Curves]] = {}
    for trial, summary in done:
        by_strategy.setdefault(trial.strategy, {})[trial.seed] = curves_of(summary.records)
    return by_strategy


def _cell(point: CurvePoint) -> str:
    spread = "" if point.std is None else f" ± {point.std:.3f}"
    return f"{point.mean:.3f}{spread}"


def _as_data(one: _Setting) -> dict[str, Any]:
    curves = _curves(one.done)
    ranks = by_area(_trials(one.done)) if one.done else []
    return {
        "folder": one.folder,
        "varied": dict(one.settings.varied),
        "curves": {name: [dataclasses.asdict(point) for point in curve] for name, curve in curves.items()},
        "ranking": [dataclasses.asdict(row) for row in ranks],
        "trials": [
            {
                "strategy": trial.strategy,
                "seed": trial.seed,
                "folder": str(trial.folder),
                "note": summary.note,
                "rounds": summary.records,
            }
            for trial, summary in one.done
        ],
        "failed": [
            {"strategy": trial.strategy, "seed": trial.seed, "error": str(error)}
            for trial, error in one.failed
        ],
    }
