"""BatchBALD and EPIG on one set of probabilities by all posterior samples: ours, plainer ways, and a peer.

    python benchmarks/joint.py
    PYTHONPATH=/path/of/batchbald_redux python benchmarks/joint.py --redux -s N=2000
    python benchmarks/joint.py -s N=50000 -s n=0 --samples 20 --targets 500

"All" evaluates every sample at each pick, as published; "stale" only what an earlier gain does not rule out,
while configurations are enumerated; "plain" has entropies of stored joint distributions, by torch's `entr`.
``a(S)`` is what the batch's labels tell, by the configurations that were drawn.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import click
import torch
from problems import Scale, Size, make_problem
from query import SCALES, make_committee
from rich.console import Console
from rich.table import Table

from alframe_batchbald import _batchbald
from alframe_batchbald._batchbald import Batch, greedy
from alframe_batchbald._candidates import Candidates
from alframe_epig._epig import Aims

CONFIGURATIONS = 10_000
NEVER = 1 << 60  # so many rows that groups are not worth it
PLAIN = 1 << 25  # numbers of the joint distributions that are stored at a time


def by_members(scale: Scale, samples: int) -> torch.Tensor:
    """``T x N x C`` probabilities by heads with noise."""
    problem = make_problem(scale)
    heads = make_committee(problem["head"], samples)
    return torch.stack([torch.softmax(problem["features"] @ W.T + b, dim=1) for W, b in heads])


def batch(probs: torch.Tensor, n: int, first: int = _batchbald.FIRST, worth: int = _batchbald.WORTH) -> Batch:
    """Our batch; of all rows at first, and of no groups, where it is to be done plainly."""
    before = _batchbald.FIRST, _batchbald.WORTH
    _batchbald.FIRST, _batchbald.WORTH = first, worth
    try:
        every = torch.ones(probs.shape[1], dtype=torch.bool)

        def stream(function: Callable[[Any], torch.Tensor]) -> torch.Tensor:
            blocks = zip(*(rows.split(4096) for rows in probs), strict=True)
            return torch.cat([function(iter(block)) for block in blocks])

        candidates = Candidates(stream, every, len(probs))
        return greedy(candidates, n, CONFIGURATIONS, torch.Generator().manual_seed(0))
    finally:
        _batchbald.FIRST, _batchbald.WORTH = before


def redux(probs: torch.Tensor, n: int) -> list[int]:
    """The batch of the authors' rewritten program."""
    from batchbald_redux import batchbald  # type: ignore[import-not-found,unused-ignore]

    logs = probs.double().transpose(0, 1).log()
    found = batchbald.get_batchbald_batch(logs, n, CONFIGURATIONS, dtype=torch.double)
    return list(found.indices)


def plain_epig(probs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Scores by stored joint distributions."""
    entropy = torch.special.entr(targets.mean(dim=0)).sum(dim=1).mean()
    found = []
    count, classes = targets.shape[1:]
    for rows in probs.split(max(1, PLAIN // (count * classes**2)), dim=1):
        joint = torch.einsum("tnc,tmd->nmcd", rows, targets) / len(probs)
        own = torch.special.entr(rows.mean(dim=0)).sum(dim=1)
        found.append(own + entropy - torch.special.entr(joint).sum(dim=(2, 3)).mean(dim=1))
    return torch.cat(found)


def timed(function: Callable[[], Any]) -> tuple[Any, str]:
    """What it returns, and seconds of a processor."""
    spent = time.process_time()
    found = function()
    return found, f"{time.process_time() - spent:.2f}"


@click.command()
@click.option("-s", "changed", type=Size(), multiple=True, help="A size, as N=2000; n=0 leaves batches out.")
@click.option("--samples", default=50, show_default=True, help="Posterior samples.")
@click.option("--targets", default=0, show_default=True, help="Of EPIG; 0 leaves it out.")
@click.option("--redux", "with_redux", is_flag=True, help="Run batchbald_redux, too.")
@click.option("--plain/--no-plain", "plainly", default=True, help="Run the plainer ways, too.")
def main(
    changed: tuple[tuple[str, int], ...], samples: int, targets: int, with_redux: bool, plainly: bool
) -> None:
    """Prints the table."""
    scale = SCALES["small"]._replace(N=10_000, n=10)._replace(**dict(changed))
    probs = by_members(scale, samples)
    table = Table(title=f"N = {scale.N:,}, C = {scale.C}, T = {samples}, {torch.get_num_threads()} thread")
    for heading in ("", "CPU s", "the same picks", "a(S)"):
        table.add_column(heading)
    if scale.n:
        ways: dict[str, dict[str, int]] = {"batchbald": {}}
        if plainly:
            ways |= {"stale": {"worth": NEVER}, "all": {"first": scale.N, "worth": NEVER}}
        picks: list[int] = []
        for name, settings in ways.items():
            found, seconds = timed(functools.partial(batch, probs, scale.n, **settings))
            picks = picks or found.picks.tolist()
            same = sum(map(int.__eq__, picks, found.picks.tolist()))
            table.add_row(name, seconds, f"{same} of {scale.n}", f"{found.information:.4f}")
        exact = batch(probs.double(), scale.n)
        same = sum(map(int.__eq__, picks, exact.picks.tolist()))
        table.add_row("in float64", "", f"{same} of {scale.n}", f"{exact.information:.4f}")
        if with_redux:
            its, seconds = timed(lambda: redux(probs, scale.n))
            table.add_row("batchbald_redux", seconds, f"{sum(map(int.__eq__, picks, its))} of {scale.n}", "")
    if targets:
        rows = torch.randperm(scale.N, generator=torch.Generator().manual_seed(0))[:targets]
        kept = probs.permute(1, 2, 0).contiguous()

        def score() -> torch.Tensor:
            aims = Aims(kept[rows])
            return torch.cat([aims.information(block) for block in kept.split(4096)])

        scores, seconds = timed(score)
        best = set(scores.topk(100).indices.tolist())
        table.add_row("epig", seconds, "100 of 100", "")
        if plainly:
            its, seconds = timed(lambda: plain_epig(probs, probs[:, rows]))
            table.add_row("plain", seconds, f"{len(best & set(its.topk(100).indices.tolist()))} of 100", "")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
