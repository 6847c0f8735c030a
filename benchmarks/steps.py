"""Training steps of the default trainer: microseconds a step and samples a second.

    python benchmarks/steps.py --device cuda --json build/steps.json
    python benchmarks/steps.py --networks mlp --captures off --epochs 4

Networks learn random data that lie on the device: an MLP 784-256-10 in batches of 64, and resnet18-cifar, in
channels-last layout, in batches of 64 and 512. The first epoch warms up and, on a GPU, captures; the median
of the others is quoted. The memory is the most that torch's tensors took on a GPU, the data among it.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch
from rich.console import Console
from rich.table import Table

from alframe import Context, Dataset, LabelledView, Recipe, train_supervised
from alframe.data.samples import Samples
from alframe.learning.loading import build_model
from alframe.learning.rows import NetworkRows
from alframe.networks.devices import on_device, resolve_device
from alframe.registry.registry import installed
from alframe_cli.params import NameList


class Case(NamedTuple):
    """A network, the shape of its samples, and the batches of an epoch."""

    network: str
    shape: tuple[int, ...]
    batch: int
    batches: int


CASES = (
    Case("mlp", (784,), 64, 100),
    Case("resnet18-cifar", (3, 32, 32), 64, 32),
    Case("resnet18-cifar", (3, 32, 32), 512, 8),
)
COLUMNS = ("network", "batch", "precision", "capture", "µs a step", "samples a second", "memory, MB")


@click.command()
@click.option("--networks", type=NameList(), default="mlp,resnet18-cifar", show_default=True)
@click.option("--batch-sizes", type=NameList(), default="64,512", show_default=True)
@click.option("--precisions", type=NameList(), default="float32,tf32,bfloat16", show_default=True)
@click.option("--captures", type=NameList(), default="off,auto", show_default=True)
@click.option("--optimizer", default="adam", show_default=True)
@click.option("--epochs", default=6, show_default=True, help="Of which the first is not counted.")
@click.option("--batches", type=int, help="Of an epoch, where it is to be shorter.")
@click.option("--device", "device_name", default="auto", show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Also written to this file.")
def main(
    networks: tuple[str, ...],
    batch_sizes: tuple[str, ...],
    precisions: tuple[str, ...],
    captures: tuple[str, ...],
    optimizer: str,
    epochs: int,
    batches: int | None,
    device_name: str,
    file: Path | None,
) -> None:
    """Prints the table."""
    device = resolve_device(device_name)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    table = Table(title=f"{optimizer}; torch {torch.__version__}, {name}, {torch.get_num_threads()} threads")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("network", "precision", "capture") else "right")
    records = []
    for case, precision, capture in itertools.product(CASES, precisions, captures):
        if case.network not in networks or str(case.batch) not in batch_sizes:
            continue
        recipe = Recipe(
            epochs=epochs,
            batch_size=case.batch,
            optimizer=optimizer,  # type: ignore[arg-type]
            precision=precision,  # type: ignore[arg-type]
            capture=capture,  # type: ignore[arg-type]
            stop_accuracy=None,
        )
        shorter = case._replace(batches=min(case.batches, batches or case.batches))
        record = measured(shorter, recipe, device)
        records.append({"device": name, "torch": torch.__version__, **dataclasses.asdict(recipe), **record})
        numbers = (f"{record[key]:,.0f}" for key in ("microseconds", "samples_a_second", "memory"))
        table.add_row(case.network, str(case.batch), precision, capture, *numbers)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(records, indent=2) + "\n")
    Console(width=110).print(table)


def measured(case: Case, recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """What a case takes: ``microseconds`` a step, ``samples_a_second``, and ``memory`` in MB."""
    generator = torch.Generator().manual_seed(0)
    size = case.batch * case.batches
    inputs = torch.randn(size, *case.shape, generator=generator)
    data = Dataset("random", inputs, torch.randint(10, (size,), generator=generator), 10).near(device)
    model = on_device(build_model(installed(), case.network, data, {}, seed=0), device)
    rows = NetworkRows(model, Samples(data.inputs, device), torch.arange(size, device=device), seed=0)
    times = [0.0]
    ctx = Context(
        round=0,
        num_classes=10,
        device=device,
        generator=generator,
        model=model,
        progress=lambda done, total: times.append(time.perf_counter()),  # the epoch's results were read
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    train_supervised(model, LabelledView(rows, data.targets.to(device)), None, recipe, ctx)
    epoch = statistics.median(later - earlier for earlier, later in itertools.pairwise(times[1:]))
    return {
        "network": case.network,
        "microseconds": 1e6 * epoch / case.batches,
        "samples_a_second": size / epoch,
        "memory": torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0,
    }


if __name__ == "__main__":
    main()
