"""What the engine costs in small queries: `alframe.query` beside thin torch code of the same strategy.

    python benchmarks/small.py
    python benchmarks/small.py --calls 500 --strategies random,margin

The thin code below checks nothing, knows no plugins, and picks the same rows; of BADGE, which draws its picks
from another stream, the first. One thread, CPU milliseconds, the median of many calls in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import alframe
from alframe import seeds
from alframe_cli.params import NameList

SIZES = {"500 x 64, C 10, n 10": (500, 64, 10, 10), "20,000 x 256, C 50, n 100": (20_000, 256, 50, 100)}
LABELLED = 100
SLOWEST = 10.0  # CPU seconds after which a row has enough calls


def random(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """Uniformly."""
    return torch.randperm(len(X), generator=seeds.generator(0, 1, "select", "default"))[:n]


def entropy(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """Largest entropy."""
    log_p = (X @ W.T + b).log_softmax(dim=1)
    return (-(log_p.exp() * log_p).sum(dim=1)).topk(n).indices


def margin(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """Smallest margin."""
    first, second = (X @ W.T + b).softmax(dim=1).topk(2, dim=1).values.unbind(dim=1)
    return (second - first).topk(n).indices


def least_confidence(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """Least probability of the likeliest class."""
    return (1 - (X @ W.T + b).softmax(dim=1).amax(dim=1)).topk(n).indices


def coreset(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """Farthest from all so far, one after another."""
    minima = torch.cdist(X, XL).square_().amin(dim=1)
    norms, picks = X.square().sum(dim=1), []
    for _ in range(n):
        pick = int(minima.argmax())
        picks.append(pick)
        minima = torch.minimum(minima, norms + norms[pick] - 2 * (X @ X[pick]))
    return torch.tensor(picks)


def badge(X: Tensor, W: Tensor, b: Tensor, XL: Tensor, n: int) -> Tensor:
    """k-means++ on outer products, one after another."""
    probs = (X @ W.T + b).softmax(dim=1)
    rows = torch.arange(len(X))
    probs[rows, probs.argmax(dim=1)] -= 1
    norms = probs.square().sum(dim=1) * X.square().sum(dim=1)
    picks, law = [int(norms.argmax())], torch.full_like(norms, torch.inf)
    generator = torch.Generator().manual_seed(0)
    while len(picks) < n:
        last = picks[-1]
        distances = norms + norms[last] - 2 * (probs @ probs[last]) * (X @ X[last])
        law = torch.minimum(law, distances.clamp_(min=0))
        law[last] = 0
        picks.append(int(torch.multinomial(law, 1, generator=generator)))
    return torch.tensor(picks)


THIN: dict[str, Callable[..., Tensor]] = {
    "random": random,
    "entropy": entropy,
    "margin": margin,
    "least-confidence": least_confidence,
    "coreset": coreset,
    "badge": badge,
}


def milliseconds(calls: int, *functions: Callable[[], Any]) -> list[float]:
    """Median CPU time of a call of each, called in turn."""
    taken: list[list[float]] = [[] for _ in functions]
    for _ in range(calls):
        for function, times in zip(functions, taken, strict=True):
            begun = time.process_time()
            function()
            times.append(time.process_time() - begun)
        if sum(map(sum, taken)) > SLOWEST and len(taken[0]) >= 5:
            break
    return [1000 * statistics.median(times) for times in taken]


@click.command()
@click.option("--calls", default=200, show_default=True)
@click.option("--strategies", type=NameList(), help=f"Of {', '.join(THIN)}; all by default.")
def main(calls: int, strategies: list[str] | None) -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    table = Table("size", "strategy", "alframe.query, ms", "thin code, ms", "ratio")
    for size, (N, D, C, n) in SIZES.items():
        g = torch.Generator().manual_seed(0)
        X, XL = torch.randn(N, D, generator=g), torch.randn(LABELLED, D, generator=g)
        W, b = torch.randn(C, D, generator=g) / D**0.5, torch.zeros(C)
        problem: dict[str, Any] = {"features": X, "head": (W, b), "n": n, "device": "cpu"}
        problem |= {"labelled_features": XL, "labelled_targets": torch.arange(LABELLED) % C}
        for name in strategies or THIN:

            def ours(name: str = name, problem: dict[str, Any] = problem) -> Tensor:
                return alframe.query(name, **problem).indices

            def thin(name: str = name, given: tuple[Any, ...] = (X, W, b, XL, n)) -> Tensor:
                return THIN[name](*given)

            same = 1 if name == "badge" else n
            assert torch.equal(ours()[:same], thin()[:same]), name
            of_ours, of_thin = milliseconds(calls, ours, thin)
            table.add_row(size, name, f"{of_ours:.2f}", f"{of_thin:.2f}", f"{of_ours / of_thin:.1f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
