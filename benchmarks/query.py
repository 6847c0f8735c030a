"""One query of each strategy on features that are at hand: seconds and peak memory above the input.

    python benchmarks/query.py
    python benchmarks/query.py --scale cifar100 --strategies badge,coreset -o badge.bias=true
    python benchmarks/query.py --scale cifar100 --strategies alfamix --data low-rank
    python benchmarks/query.py --scale cifar100 --strategies alfamix -o alfamix.variant=learned --device cuda
    python benchmarks/query.py --scale imagenet -s N=160000 -s D=384 --strategies entropy,badge

The features are ReLU features around one direction a class, half of them dead; or of low rank, mixed from 8
factors, hardly any of them dead. The head is linear and neither sure of itself nor blind. Each strategy runs
in a process of its own: a small query first, which pays for what torch imports, then the repeats. The memory
is what the process (on CUDA: the device) held at the most during a query, less what it held before. Those
that ask a committee are given five heads, or ``--members``: the head with noise. If scikit-activeml is there
(``pip install -e ".[bench]"``) and has the same strategy, its query on the same arrays stands beside ours,
stopped after ``--peer-timeout`` seconds. The machine may be busy: "CPU s" are seconds of a processor.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import peers
from problems import DATA, Scale, Size, make_problem
from rich.console import Console
from rich.table import Table

from alframe_cli.params import NameList, Override

SCALES = {
    "small": Scale(2_000, 64, 10, 100, 50),
    "mnist": Scale(20_000, 256, 10, 100, 100),
    "cifar100": Scale(50_000, 512, 100, 1_000, 1_000),
    "imagenet": Scale(1_281_167, 512, 1_000, 10_000, 1_000),
}
MEMBERS, NOISE = 5, 0.3  # of a committee; in standard deviations of the head's weights
PEER_MEMORY = 12 << 30  # bytes; a peer that wants more is stopped by a MemoryError


def make_committee(head: tuple[Any, Any], members: int = MEMBERS) -> list[tuple[Any, Any]]:
    """The head with noise, several times.

    Args:
        head: ``(W, b)``, tensors.
        members: how many times.
    """
    import torch

    W, b = head
    g = torch.Generator(W.device).manual_seed(1)
    noise = NOISE * W.std()
    return [(W + noise * torch.randn(W.shape, generator=g, device=W.device), b) for _ in range(members)]


def ask(
    strategy: str,
    n: int,
    options: dict[str, Any],
    device: str,
    seed: int,
    problem: dict[str, Any],
    committee: int = MEMBERS,
) -> Any:
    """A query, as `alframe.query` answers it; also of a strategy that asks a committee.

    Args:
        strategy: its name.
        n: the budget.
        options: of the strategy.
        device: where the problem is.
        seed: of all that is random.
        problem: as `make_problem` makes it.
        committee: how many members it has.
    """
    import torch

    import alframe
    from alframe.data.samples import Samples
    from alframe.learning.pipeline import Pipeline
    from alframe.learning.rows import NetworkRows
    from alframe.learning.state import RoundState
    from alframe.networks.classifier import Classifier
    from alframe.registry.registry import installed

    if strategy not in peers.COMMITTEES:
        return alframe.query(strategy, n=n, options=options, device=device, seed=seed, **problem)
    heads = make_committee(problem["head"], committee)
    members = [{"head.weight": W, "head.bias": b} for W, b in heads]
    classes, on = len(heads[0][0]), torch.device(device)
    linear = torch.nn.Linear(heads[0][0].shape[1], classes, device=on)
    model = Classifier(torch.nn.Identity(), linear).eval()

    def rows(features: Any) -> Any:
        every = torch.arange(len(features), device=on)
        return NetworkRows(model, Samples(features, on), every, seed, features, members)

    sections = options if strategy in options else {strategy: options}
    pipeline = Pipeline(installed(), strategy, {}, sections)
    pool, labelled = rows(problem["features"]), rows(problem["labelled_features"])
    state = RoundState(seed, 1, classes, on, model)
    begun = time.perf_counter()
    found = pipeline.query(pool, labelled, problem["labelled_targets"], n, state)
    seconds = time.perf_counter() - begun
    return alframe.QueryResult(found.picks, found.scores, found.topped_up, seconds, found.logged)


def measure_ours(
    strategy: str,
    options: dict[str, Any],
    scale: Scale,
    data: str,
    device: str,
    repeats: int,
    committee: int = MEMBERS,
) -> dict[str, Any]:
    """Seconds of each repeat and of a processor, and the largest memory above the input in bytes."""
    import torch

    from alframe.experiments.cost import measured

    on = torch.device(device)
    problem = make_problem(scale, data, device)
    small = problem | {"features": problem["features"][:500]}
    ask(strategy, 5, options, device, 0, small, committee)
    seconds, of_processor, memory = [], [], []
    for seed in range(repeats):
        with measured(on) as before:
            pass
        spent = time.process_time()
        with measured(on) as cost:
            result = ask(strategy, scale.n, options, device, seed, problem, committee)
        of_processor.append(time.process_time() - spent)
        seconds.append(result.seconds)
        memory.append(max(0, cost.peak_memory - before.peak_memory))
    return {
        "seconds": seconds,
        "cpu_seconds": of_processor,
        "peak_memory": max(memory),
        "topped_up": result.topped_up,
        "logged": {name: dict(values) for name, values in result.logged.items()},
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": torch.cuda.get_device_name(on) if on.type == "cuda" else platform.platform(),
    }


def measure_peer(strategy: str, scale: Scale, data: str, committee: int = MEMBERS) -> dict[str, Any]:
    """Seconds of one query of scikit-activeml, and of a processor."""
    problem = as_arrays(make_problem(scale, data), committee)
    resource.setrlimit(resource.RLIMIT_DATA, (PEER_MEMORY, PEER_MEMORY))
    return peers.cost(strategy, problem, scale.n)


def as_arrays(problem: dict[str, Any], committee: int = MEMBERS) -> dict[str, Any]:
    """The problem in numpy, with the heads of a committee.

    Args:
        problem: as `make_problem` makes it.
        committee: how many heads.
    """
    arrays = {
        key: tuple(part.numpy() for part in value) if isinstance(value, tuple) else value.numpy()
        for key, value in problem.items()
    }
    heads = [(W.numpy(), b.numpy()) for W, b in make_committee(problem["head"], committee)]
    return {**arrays, "heads": heads}


def in_process(timeout: float | None, function: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Calls a function in a fresh process; what goes wrong is the answer's ``"problem"``."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, args))
    process.start()
    there.close()
    try:
        if not here.poll(timeout):
            return {"problem": f"> {timeout:.0f} s"}
        answer: dict[str, Any] = here.recv()
        return answer
    except EOFError:
        return {"problem": "died: out of memory?"}
    finally:
        process.kill()
        process.join()


def _answer(there: Connection, function: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> None:
    try:
        there.send(function(*args))
    except MemoryError:
        there.send({"problem": f"needs more than {PEER_MEMORY >> 30} GB"})
    except Exception as error:
        there.send({"problem": f"{type(error).__name__}: {error}"})


@click.command()
@click.option("--scale", type=click.Choice(list(SCALES)), default="small", show_default=True)
@click.option("-s", "changed", type=Size(), multiple=True, help="A size unlike the scale's, as N=160000.")
@click.option("--data", type=click.Choice(DATA), default="dead", show_default=True, help="Kind of features.")
@click.option("--strategies", type=NameList(), help="By default all that are installed.")
@click.option("-o", "overrides", type=Override(), multiple=True, help="An option, as bald.passes=5.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--members", default=MEMBERS, show_default=True, help="Heads of a committee.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--peers/--no-peers", "with_peers", default=True, help="Run scikit-activeml's as well.")
@click.option("--peer-timeout", default=300.0, show_default=True, help="Seconds.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a file.")
def main(
    scale: str,
    changed: tuple[tuple[str, int], ...],
    data: str,
    strategies: list[str] | None,
    overrides: tuple[tuple[str, str, str], ...],
    device: str,
    members: int,
    repeats: int,
    with_peers: bool,
    peer_timeout: float,
    file: Path | None,
) -> None:
    """Prints the table."""
    from alframe.registry.registry import installed

    options: dict[str, Any] = {}
    for section, key, text in overrides:
        options.setdefault(section, {})[key] = text
    sizes = SCALES[scale]._replace(**dict(changed))
    described = ", ".join(f"{name} = {value:,}" for name, value in sizes._asdict().items())
    table = Table(title=f"{scale}, {data}: {described}; {device}; median of {repeats}")
    for heading in ("strategy", "seconds", "CPU s", "peak MB", "scikit-activeml, s", "CPU s", "ratio"):
        table.add_column(heading, justify="left" if heading == "strategy" else "right")
    records = []
    have_peers = peers.names() if with_peers else []
    if with_peers and not have_peers:
        click.echo('note: scikit-activeml is not installed: pip install -e ".[bench]"', err=True)
    for strategy in strategies or installed().strategy_names:
        click.echo(f"{strategy} ...", err=True)
        ours = in_process(None, measure_ours, strategy, options, sizes, data, device, repeats, members)
        record = {"strategy": strategy, "scale": scale, "data": data, **sizes._asdict()}
        record |= {"device": device, "ours": ours}
        records.append(record)
        if "problem" in ours:
            click.echo(f"note: {strategy} is left out: {ours['problem']}", err=True)
            continue
        median = statistics.median(ours["seconds"])
        spent = statistics.median(ours["cpu_seconds"])
        row = [strategy, f"{median:.3f}", f"{spent:.3f}", f"{ours['peak_memory'] / 2**20:,.0f}", "", "", ""]
        if strategy in have_peers:
            peer = record["peer"] = in_process(peer_timeout, measure_peer, strategy, sizes, data, members)
            row[4] = peer.get("problem") or f"{peer['seconds'][0]:.2f}"
            if "seconds" in peer:
                row[5:] = f"{peer['cpu_seconds'][0]:.2f}", f"{peer['seconds'][0] / median:.0f}"
        table.add_row(*row)
        if file:
            file.write_text(json.dumps(records, indent=2) + "\n")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
