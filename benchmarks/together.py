"""What networks cost that are trained in step, beside one that is trained alone.

    python benchmarks/together.py
    python benchmarks/together.py --device cuda --networks lenet,mlp-784 --counts 1,45

Prints microseconds of a gradient step and network (batches of 64, Adam), of the default trainer alone (1) and
of so many networks stacked; on the CPU by one and by two threads. Of the linear probe, milliseconds of a fit.
Each number is the least of the repeats; on the CPU that of the processor follows the clock's, for where other
programs run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from alframe import Classifier, Context, LabelledView, Recipe, Training
from alframe.data.samples import Samples
from alframe.defaults.stacked import train_stacked
from alframe.defaults.training import train_supervised
from alframe.learning.rows import NetworkRows
from alframe.networks.devices import resolve_device
from alframe_linear_probe._probe import fit
from alframe_networks._networks import cnn, lenet, mlp

CLASSES = 10
IMAGE = (1, 28, 28)
NETWORKS: dict[str, tuple[Callable[[], Classifier], tuple[int, ...]]] = {
    "mlp-64": (lambda: mlp(64, 256, CLASSES), (64,)),
    "mlp-256": (lambda: mlp(256, 256, CLASSES), (256,)),
    "mlp-784": (lambda: mlp(784, 256, CLASSES), (784,)),
    "lenet": (lambda: lenet(IMAGE, CLASSES), IMAGE),
    "cnn-8": (lambda: cnn((1, 8, 8), 256, CLASSES), (1, 8, 8)),
    "cnn": (lambda: cnn(IMAGE, 256, CLASSES), IMAGE),
    "probe-100": (lambda: Classifier(nn.Identity(), nn.Linear(256, CLASSES)), (256,)),
    "probe-1100": (lambda: Classifier(nn.Identity(), nn.Linear(256, CLASSES)), (256,)),
}


@click.command()
@click.option("--networks", default=",".join(NETWORKS), show_default=True)
@click.option("--counts", default="1,2,5,10,45", show_default=True, help="How many at once.")
@click.option("--steps", default=40, show_default=True, help="Gradient steps of each network.")
@click.option("--threads", default="1,2", show_default=True, help="On the CPU.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--device", "device_name", default="auto", show_default=True)
def main(networks: str, counts: str, steps: int, threads: str, repeats: int, device_name: str) -> None:
    """Prints the table."""
    device = resolve_device(device_name)
    table = Table(title=f"torch {torch.__version__}, {device}, least of {repeats}")
    for column in ("network", "threads", *counts.split(",")):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name in networks.split(","):
        for number in [1] if device.type == "cuda" else map(int, threads.split(",")):
            torch.set_num_threads(number)
            cells = [cost(name, int(count), steps, repeats, device) for count in counts.split(",")]
            table.add_row(name, str(number), *cells)
    Console(width=110).print(table)


def cost(name: str, count: int, steps: int, repeats: int, device: torch.device) -> str:
    """What a network costs of so many."""
    seconds = []
    for _ in range(repeats + 1):  # the first warms up
        trainings = [training(name, seed, steps, device) for seed in range(count)]
        started = time.perf_counter(), time.process_time()
        train(name, trainings)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = (min(times[1:]) / count for times in zip(*seconds, strict=True))
    scale = 1e3 if name.startswith("probe") else 1e6 / steps
    unit = " ms" if name.startswith("probe") else ""
    return f"{clock * scale:.1f}" + ("" if device.type == "cuda" else f" ({processor * scale:.1f})") + unit


def train(name: str, trainings: Sequence[Training]) -> None:
    """Trains one alone, and several in step."""
    recipe = Recipe(epochs=4, stop_accuracy=None)
    if name.startswith("probe"):
        fit(trainings, 1.0, 200)
    elif len(trainings) > 1:
        train_stacked(trainings, recipe)
    else:
        train_supervised(trainings[0].model, trainings[0].labelled, None, recipe, trainings[0].ctx)


def training(name: str, seed: int, steps: int, device: torch.device) -> Training:
    """A network, and samples for a quarter of the steps an epoch."""
    make, shape = NETWORKS[name]
    torch.manual_seed(seed)
    model = make().to(device)
    size = int(name.removeprefix("probe-")) if name.startswith("probe") else 16 * steps
    y = torch.arange(size) % CLASSES
    x = (torch.randn(size, *shape) + 0.1 * torch.randn(CLASSES, *shape)[y]).relu()
    rows = torch.arange(size, device=device)
    view = LabelledView(NetworkRows(model, Samples(x.to(device), device), rows, 0), y.to(device))
    view.features  # noqa: B018  the probe's are computed once for all rounds
    ctx = Context(0, CLASSES, device, torch.Generator().manual_seed(seed), model)
    return Training(model, view, None, ctx, seed)


if __name__ == "__main__":
    main()
