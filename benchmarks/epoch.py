"""What an epoch of training costs beside the bare network.

    python benchmarks/epoch.py --dataset npz:../shared/data/cifar10_subset.npz --model resnet18-cifar
    python benchmarks/epoch.py --dataset mnist --data-dir ../shared/data --model mlp --samples 10000

Times the second epoch of the default trainer over labelled samples that lie on the device as they are
stored (bytes where they are images), in turn with as many batches of random tensors through the same
network: forward and backward alone, and with the optimiser's step. Prints medians and their ratios.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

import click
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from alframe import Classifier, Context, Dataset, LabelledView, Recipe, load_dataset, train_supervised
from alframe.data.samples import Samples
from alframe.learning.loading import build_model
from alframe.learning.rows import NetworkRows
from alframe.networks.devices import on_device, resolve_device
from alframe.registry.registry import installed


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--data-dir", default="data", show_default=True)
@click.option("--model", "name", default="mlp", show_default=True)
@click.option(
    "--samples", default=10_000, show_default=True, help="Labelled samples of an epoch, at most all."
)
@click.option("--augment", default="", help="As train.augment: crop,flip.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--device", "device_name", default="auto", show_default=True)
def main(
    dataset: str, data_dir: str, name: str, samples: int, augment: str, repeats: int, device_name: str
) -> None:
    """Prints the table."""
    device = resolve_device(device_name)
    data = load_dataset(dataset, data_dir=data_dir).near(device)
    model = on_device(build_model(installed(), name, data, {}, seed=0), device)
    samples = min(samples, len(data.targets))
    names = tuple(part for part in augment.split(",") if part)
    recipe = Recipe(epochs=2, stop_accuracy=None, augment=names)  # type: ignore[arg-type]
    contenders = {
        "forward and backward of random tensors": bare(model, data, samples, recipe, step=False),
        "the same with the optimiser's step": bare(model, data, samples, recipe, step=True),
        "an epoch of the trainer": trainer(model, data, samples, recipe),
    }
    seconds: dict[str, list[float]] = {what: [] for what in contenders}
    bare(model, data, 2 * recipe.batch_size, recipe, step=True)()  # warms up
    for _ in range(repeats):
        for what, run in contenders.items():
            seconds[what] += run()
    medians = {what: statistics.median(values) for what, values in seconds.items()}
    reference = next(iter(medians.values()))
    table = Table(
        title=f"{name} on {data.name}, {samples} in batches of {recipe.batch_size} {augment}; "
        f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads, median of {repeats}"
    )
    for column in ("what", "seconds", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, median in medians.items():
        table.add_row(what, f"{median:.3f}", f"{median / reference:.3f}")
    Console(width=110).print(table)


def trainer(model: Classifier, data: Dataset, samples: int, recipe: Recipe) -> Callable[[], list[float]]:
    """Epochs as `alframe run` trains them; the first also makes network inputs of the samples, once."""
    device = data.inputs.device
    stored = Samples(data.inputs, device, data.transform)
    positions = torch.arange(samples, device=device)
    labelled = LabelledView(NetworkRows(model, stored, positions, seed=0), data.targets[:samples])

    def run() -> list[float]:
        times = [time.perf_counter()]
        ctx = Context(
            0,
            data.num_classes,
            device,
            torch.Generator().manual_seed(0),
            model,
            progress=lambda done, total: times.append(time.perf_counter()),
        )
        train_supervised(model, labelled, None, recipe, ctx)
        return [later - earlier for earlier, later in itertools.pairwise(times)][1:]

    return run


def bare(
    model: Classifier, data: Dataset, samples: int, recipe: Recipe, *, step: bool
) -> Callable[[], list[float]]:
    """As many batches of one random tensor."""
    device = data.inputs.device
    x = torch.randn(recipe.batch_size, *data.example().shape[1:], device=device)
    y = torch.randint(data.num_classes, (recipe.batch_size,), device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)

    def run() -> list[float]:
        start = time.perf_counter()
        model.train()
        for _ in range(round(samples / recipe.batch_size)):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(x), y).backward()
            if step:
                optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return [time.perf_counter() - start]

    return run


if __name__ == "__main__":
    main()
