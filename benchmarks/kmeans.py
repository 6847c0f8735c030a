"""k-means: seconds and inertia of `alframe.ops.kmeans` and of scikit-learn's, in turn on the same data.

python benchmarks/kmeans.py
python benchmarks/kmeans.py --samples 50000 --features 512 --clusters 1000 --repeats 1
"""

from __future__ import annotations

import statistics
import time

import click
import torch
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans

from alframe.ops import kmeans


def make(kind: str, samples: int, features: int) -> torch.Tensor:
    """Unit-length ReLU features around 50 directions, or uniform noise."""
    g = torch.Generator().manual_seed(0)
    if kind == "noise":
        return torch.rand(samples, features, generator=g)
    centres = torch.randn(50, features, generator=g)
    x = (
        centres[torch.randint(50, (samples,), generator=g)] + torch.randn(samples, features, generator=g)
    ).relu()
    return torch.nn.functional.normalize(x)


@click.command()
@click.option("--samples", default=20_000, show_default=True)
@click.option("--features", default=256, show_default=True)
@click.option("--clusters", default=100, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(samples: int, features: int, clusters: int, repeats: int, device: str) -> None:
    """Prints the table."""
    table = Table(
        title=f"{samples:,} x {features}, k = {clusters}, {device}, {torch.get_num_threads()} threads"
    )
    for heading in ("data", "alframe, s", "scikit-learn, s", "ratio", "inertia, ours / theirs"):
        table.add_column(heading, justify="right")
    for kind in ("features", "noise"):
        x = make(kind, samples, features)
        on_device, array = x.to(device), x.numpy()
        kmeans(on_device[: 10 * clusters], clusters, torch.Generator().manual_seed(0))  # warms up
        ours, theirs, inertias = [], [], []
        for seed in range(repeats):
            begun = time.perf_counter()
            mine = kmeans(on_device, clusters, torch.Generator().manual_seed(seed)).inertia
            between = time.perf_counter()
            other = KMeans(clusters, n_init=1, random_state=seed).fit(array).inertia_
            theirs.append(time.perf_counter() - between)
            ours.append(between - begun)
            inertias.append(mine / other)
        a, b = statistics.median(ours), statistics.median(theirs)
        table.add_row(kind, f"{a:.2f}", f"{b:.2f}", f"{b / a:.1f}", f"{statistics.fmean(inertias):.4f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
