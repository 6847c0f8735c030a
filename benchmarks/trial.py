"""Where the time of a trial goes: training, querying, evaluating, writing.

    python benchmarks/trial.py --data-dir ../shared/data --strategies random,alfamix
    python benchmarks/trial.py --data-dir ../shared/data --strategies random,badge --train linear-probe

Runs the trials (MNIST, MLP, 100 + 10 x 100 labels, the settings of the preset ``mnist-mlp``) in one process,
in a fresh folder, and prints the median over the seeds of each part in seconds. Start-up (importing torch,
reading the data) stands in the title; a first trial, not counted, pays for what torch imports then.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from alframe_cli.params import Override

COLUMNS = ("strategy", "training", "querying", "the rest", "whole trial", "all seeds", "accuracy")


@click.command()
@click.option("--data-dir", default="data", show_default=True, help="Folder that holds MNIST.")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--strategies", default="random", show_default=True)
@click.option("--train", default=None, help="Trainer, as linear-probe.")
@click.option("-o", "overrides", type=Override(), multiple=True, help="As of alframe run.")
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--device", default="cpu", show_default=True)
def main(
    data_dir: str,
    dataset: str,
    strategies: str,
    train: str | None,
    overrides: tuple[tuple[str, str, str], ...],
    seeds: int,
    device: str,
) -> None:
    """Prints the table."""
    begun = time.perf_counter()
    import torch

    from alframe.experiments.configuration import merge
    from alframe.experiments.data import load_data
    from alframe.experiments.plan import trials
    from alframe.experiments.settings import resolve
    from alframe.experiments.trial_loop import run_trial
    from alframe.registry.offers import PRESETS
    from alframe.registry.registry import installed
    from alframe_cli.display import SilentDisplay

    registry = installed()
    preset = registry.offers.named(PRESETS, "mnist-mlp").value.settings
    flags: dict[str, dict[str, Any]] = {
        "run": {"strategy": strategies.split(","), "seeds": list(range(1, seeds + 1)), "device": device},
        "data": {"name": dataset, "dir": data_dir},
        "stages": {"train": train} if train else {},
    }
    for section, key, text in overrides:
        flags.setdefault(section, {})[key] = text
    data = load_data(resolve(registry, merge(preset, flags)))
    startup = time.perf_counter() - begun

    seconds: dict[str, list[tuple[float, float, float]]] = {}
    accuracies: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        planned = trials(resolve(registry, merge(preset, flags, {"run": {"out": folder}})))
        with tempfile.TemporaryDirectory() as other:
            first = trials(resolve(registry, merge(preset, flags, {"run": {"out": other}})))[0]
            run_trial(first, data, SilentDisplay(quiet=True))
        for trial in planned:
            start = time.perf_counter()
            summary = run_trial(trial, data, SilentDisplay(quiet=True))
            whole = time.perf_counter() - start
            training, querying = (
                sum(record[f"{part}_seconds"] for record in summary.records) for part in ("train", "query")
            )
            seconds.setdefault(trial.strategy, []).append((training, querying, whole))
            accuracies.setdefault(trial.strategy, []).append(summary.records[-1]["accuracy"])

    table = Table(
        title=f"{dataset}, {train or 'supervised'}, {seeds} seeds; torch {torch.__version__}, {device}, "
        f"{torch.get_num_threads()} threads; start-up {startup:.1f} s"
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "strategy" else "right")
    for strategy, rows in seconds.items():
        training, querying, whole = (statistics.median(part) for part in zip(*rows, strict=True))
        numbers = (training, querying, whole - training - querying, whole, sum(row[2] for row in rows))
        accuracy = statistics.mean(accuracies[strategy])
        table.add_row(strategy, *(f"{number:.2f}" for number in numbers), f"{accuracy:.3f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
