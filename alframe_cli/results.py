"""What ``run`` prints at its end."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from alframe.curves import Point, learning_curve, ranking
from alframe.errors import TrialError
from alframe.experiment import RunSummary, TrialRun
from alframe.settings import Settings
from alframe_cli.output import print_json, print_table, side_by_side

Done = list[tuple[TrialRun, RunSummary]]
Failed = list[tuple[TrialRun, TrialError]]


def print_results(settings: Settings, done: Done, failed: Failed, as_json: bool) -> None:
    """Prints accuracy by labelled-set size, and where the runs are."""
    curves = _curves(done)
    folder = f"{settings.run.out}/{settings.dataset_folder}/{settings.setting_folder}"
    if as_json:
        print_json(_as_data(folder, curves, done, failed))
        return
    if not done:
        return
    sizes = sorted({point.labelled for curve in curves.values() for point in curve})
    cells = {name: {point.labelled: _cell(point) for point in curve} for name, curve in curves.items()}
    seeds = len({trial.seed for trial, _ in done})
    title = f"Accuracy on {settings.source.name}, {settings.model_name}, " + (
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
        _print_ranking(done)
    click.echo(f"runs: {folder}")


def _print_ranking(done: Done) -> None:
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
        for number, row in enumerate(ranking(_records(done)), start=1)
    ]
    title = "Ranking by the area under the learning curve; seconds a trial"
    print_table(columns, rows, title=title, right=columns[2:])


def _curves(done: Done) -> dict[str, list[Point]]:
    return {strategy: learning_curve(trials) for strategy, trials in _records(done).items()}


def _records(done: Done) -> dict[str, list[list[Any]]]:
    by_strategy: dict[str, list[list[Any]]] = {}
    for trial, summary in done:
        by_strategy.setdefault(trial.strategy, []).append(summary.records)
    return by_strategy


def _cell(point: Point) -> str:
    spread = "" if point.std is None else f" ± {point.std:.3f}"
    return f"{point.mean:.3f}{spread}"


def _as_data(folder: str, curves: dict[str, list[Point]], done: Done, failed: Failed) -> dict[str, Any]:
    return {
        "folder": folder,
        "curves": {name: [dataclasses.asdict(point) for point in curve] for name, curve in curves.items()},
        "ranking": [dataclasses.asdict(row) for row in ranking(_records(done))],
        "trials": [
            {
                "strategy": trial.strategy,
                "seed": trial.seed,
                "folder": str(trial.folder),
                "note": summary.note,
                "rounds": summary.records,
            }
            for trial, summary in done
        ],
        "failed": [
            {"strategy": trial.strategy, "seed": trial.seed, "error": str(error)} for trial, error in failed
        ],
    }
