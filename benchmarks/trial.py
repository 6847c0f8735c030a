"""Where the time of one trial goes: training, querying, evaluating, writing.

    python benchmarks/trial.py --data-dir ../shared/data --strategy random

Runs one trial (MNIST, MLP, 100 + 10 x 100 labels, the settings of the preset ``mnist-mlp``) several times
in one process, each in a fresh folder, and prints the median of each part in seconds. Start-up (importing
torch, reading the data) is a row of its own; a first run, not counted, pays for what torch imports then.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

import click
from rich.console import Console
from rich.table import Table


@click.command()
@click.option("--data-dir", default="data", show_default=True, help="Folder that holds MNIST.")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--strategy", default="random", show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(data_dir: str, dataset: str, strategy: str, repeats: int, device: str) -> None:
    """Prints the table."""
    begun = time.perf_counter()
    import torch

    from alframe.experiment import load_data, run_trial, trials
    from alframe.registry import installed
    from alframe.settings import merge, resolve
    from alframe_cli.display import SilentDisplay

    registry = installed()
    preset = registry.resource("preset", "mnist-mlp").value.settings
    flags: dict[str, dict[str, Any]] = {
        "run": {"strategy": [strategy], "seeds": [1], "device": device},
        "data": {"name": dataset, "dir": data_dir},
    }
    dataset_on_device = load_data(resolve(registry, merge(preset, flags)))
    startup = time.perf_counter() - begun

    parts: dict[str, list[float]] = {
        "training": [],
        "querying": [],
        "evaluating, writing": [],
        "whole trial": [],
    }
    for repeat in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            settings = resolve(registry, merge(preset, flags, {"run": {"out": folder}}))
            start = time.perf_counter()
            summary = run_trial(trials(settings)[0], dataset_on_device, registry, SilentDisplay(quiet=True))
            whole = time.perf_counter() - start
        if repeat == 0:
            continue  # the first run warms up
        training = sum(record["train_seconds"] for record in summary.records)
        querying = sum(record["query_seconds"] for record in summary.records)
        for name, seconds in zip(
            parts, (training, querying, whole - training - querying, whole), strict=True
        ):
            parts[name].append(seconds)

    epochs = sum(record["epochs"] for record in summary.records)
    last = summary.records[-1]
    table = Table(
        title=f"{strategy} on {dataset}, {len(summary.records) - 1} rounds, {epochs} epochs, accuracy "
        f"{last['accuracy']:.3f} with {last['labelled']} labels; torch {torch.__version__}, {device}, "
        f"{torch.get_num_threads()} threads, median of {repeats}"
    )
    table.add_column("part")
    table.add_column("seconds", justify="right")
    table.add_row("start-up", f"{startup:.2f}")
    for name, seconds in parts.items():
        table.add_row(name, f"{statistics.median(seconds):.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
