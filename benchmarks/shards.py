"""Queries of a pool in files: seconds, passes, bytes read and peak memory; and seconds beside one in memory.

    python benchmarks/shards.py pool
    python benchmarks/shards.py big -s N=10000000 --strategies margin,entropy,coreset,badge
    python benchmarks/shards.py big -s N=10000000 --strategies alfamix -o alfamix.candidates_at_most=100000

The pool is one of float16 in parts of 100,000 rows, made in the folder a part at a time and kept there: ReLU
features around one direction a class, half of them dead. Head and labelled set are those of ``query.py``.
Each strategy runs in a process of its own, after a small query that pays for what torch imports. "seconds"
are those of the whole call, the pass that checks the numbers too; "CPU s" are those of a processor. The
memory is the process's resident memory that is no file's, as the parent sees it every 10 ms, Python and torch
included: some 300 MB.

Then the first ``--against`` rows are asked about by blocks, and as float32 in memory. Both times are what a
query says of itself, the median of ``--repeats``: in memory the features are checked before.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
from problems import Scale, Size, make_problem

from alframe_cli.params import NameList, Override

PART = 100_000  # rows
DRAWN = 1 << 14  # rows that are made at once
SCALE = Scale(200_000, 512, 100, 1_000, 1_000)
STRATEGIES = ("margin", "entropy", "coreset", "badge", "alfamix")
UNITS = {"MB": 10**6, "GB": 10**9}


def make_pool(folder: Path, scale: Scale) -> None:
    """Writes the parts of a pool and their list, unless they are there.

    Args:
        folder: where.
        scale: sizes; those of parts that are there must be the same.
    """
    import numpy as np
    import torch

    file, sizes = folder / "parts.json", [scale.N, scale.D, scale.C]
    if file.is_file():
        if (there := json.loads(file.read_text()).get("sizes")) != sizes:
            raise click.UsageError(
                f"{folder} has a pool of N, D, C = {there}, not {sizes}: take another folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    centres = torch.randn(
        scale.C, scale.D, generator=torch.Generator().manual_seed(0)
    )  # as make_problem draws
    parts = []
    for number, start in enumerate(range(0, scale.N, PART)):
        rows = min(PART, scale.N - start)
        g = torch.Generator().manual_seed(1 + number)
        part = np.lib.format.open_memmap(
            folder / f"part-{number:05}.npy", mode="w+", dtype=np.float16, shape=(rows, scale.D)
        )
        for first in range(0, rows, DRAWN):
            y = torch.randint(scale.C, (min(DRAWN, rows - first),), generator=g)
            x = torch.randn(len(y), scale.D, generator=g).add_(centres[y]).relu_()
            part[first : first + len(y)] = x.half().numpy()
        parts.append({"file": f"part-{number:05}.npy", "rows": rows})
        del part
    file.write_text(json.dumps({"sizes": sizes, "parts": parts}) + "\n")


def measure(
    strategy: str,
    folder: Path | None,
    scale: Scale,
    options: dict[str, Any],
    device: str,
    memory: float,
    seed: int,
) -> dict[str, Any]:
    """What one query costs.

    Args:
        strategy: its name.
        folder: of the pool.
        scale: its sizes.
        options: of the strategy.
        device: where it works.
        memory: bytes that may be held of the pool; 0 has all of it read first.
        seed: of all that is random.
    """
    import numpy as np

    import alframe

    problem = make_problem(scale._replace(N=500))
    alframe.query(strategy, n=5, options=options, device=device, **problem)
    assert folder is not None
    problem["features"] = folder
    if not memory:
        parts = [np.load(file).astype(np.float32) for file in sorted(folder.glob("*.npy"))]
        problem["features"] = np.concatenate(parts)
        del parts
    begun, spent = time.perf_counter(), time.process_time()
    result = alframe.query(
        strategy, n=scale.n, options=options, device=device, memory=memory or None, seed=seed, **problem
    )
    found = {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - spent,
        "of_query": result.seconds,
        "logged": {name: dict(values) for name, values in result.logged.items()},
        "indices": result.indices.tolist(),
    }
    if result.reading:
        found |= {name: getattr(result.reading, name) for name in ("passes", "bytes", "passes_skipped")}
    return found


def in_process(function: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Calls a function in a fresh process, whose memory is looked at; what goes wrong is a ``"problem"``."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, args))
    process.start()
    there.close()
    peak = 0
    try:
        while not here.poll(0.01):
            peak = max(peak, _anonymous(process.pid))
        answer: dict[str, Any] = here.recv()
        return answer | {"peak_memory": peak}
    except EOFError:
        return {"problem": "died: out of memory?"}
    finally:
        process.kill()
        process.join()


def _answer(there: Connection, function: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> None:
    try:
        there.send(function(*args))
    except Exception as error:
        there.send({"problem": f"{type(error).__name__}: {error}"})


def _anonymous(pid: int | None) -> int:
    """Bytes of a process's resident memory that are no file's; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def beside_memory(
    strategy: str,
    folder: Path,
    scale: Scale,
    options: dict[str, Any],
    device: str,
    memory: float,
    repeats: int,
) -> dict[str, Any]:
    """Median seconds of queries by blocks and in memory, in turn, and whether their picks were the same.

    Args:
        strategy: its name.
        folder: of the pool.
        scale: its sizes.
        options: of the strategy.
        device: where it works.
        memory: bytes that may be held of the pool.
        repeats: how many queries of each.
    """
    seconds: dict[float, list[float]] = {memory: [], 0: []}
    same = True
    for seed in range(repeats):
        answers = [
            in_process(measure, strategy, folder, scale, options, device, most, seed) for most in seconds
        ]
        if problem := next((answer["problem"] for answer in answers if "problem" in answer), ""):
            return {"problem": problem}
        for most, answer in zip(seconds, answers, strict=True):
            seconds[most].append(answer["of_query"])
        same &= answers[0]["indices"] == answers[1]["indices"]
    blocks, whole = (statistics.median(values) for values in seconds.values())
    return {"by_blocks": blocks, "in_memory": whole, "ratio": blocks / whole, "same_picks": same}


class Bytes(click.ParamType):
    """A size such as 600MB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Bytes."""
        number, unit = str(value)[:-2], str(value)[-2:].upper()
        if unit not in UNITS or not number.isdecimal():
            self.fail(f"expected a size as 600MB or 1GB, got {value!r}")
        return float(number) * UNITS[unit]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-s", "changed", type=Size(), multiple=True, help="A size, as N=10000000.")
@click.option("--strategies", type=NameList(), default=",".join(STRATEGIES), show_default=True)
@click.option("-o", "overrides", type=Override(), multiple=True, help="An option, as badge.bias=true.")
@click.option("--memory", type=Bytes(), default="300MB", show_default=True, help="As of `alframe query`.")
@click.option("--device", default="cpu", show_default=True)
@click.option(
    "--against", default=200_000, show_default=True, help="Rows that are asked about both ways; or 0."
)
@click.option("--repeats", default=3, show_default=True, help="Of these.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a file.")
def main(
    folder: Path,
    changed: tuple[tuple[str, int], ...],
    strategies: list[str],
    overrides: tuple[tuple[str, str, str], ...],
    memory: float,
    device: str,
    against: int,
    repeats: int,
    file: Path | None,
) -> None:
    """Prints the table."""
    from rich.console import Console  # here: what the children import is seen in their memory
    from rich.table import Table

    options: dict[str, Any] = {}
    for section, key, text in overrides:
        options.setdefault(section, {})[key] = text
    scale = SCALE._replace(**dict(changed))
    small = scale._replace(N=min(against, scale.N))
    make_pool(folder, scale)
    if against:
        make_pool(folder / f"first-{small.N}", small)
    described = ", ".join(f"{name} = {value:,}" for name, value in scale._asdict().items())
    table = Table(title=f"{described}; float16; --memory {memory / 10**6:,.0f}MB; {device}")
    headings = ("seconds", "CPU s", "passes", "GB read", "peak MB", "by blocks, s", "in memory, s", "ratio")
    for heading in ("strategy", *headings):
        table.add_column(heading, justify="left" if heading == "strategy" else "right")
    records = []
    for strategy in strategies:
        click.echo(f"{strategy} ...", err=True)
        own = options.get(strategy, {})
        ours = in_process(measure, strategy, folder, scale, own, device, memory, 0)
        record = {"strategy": strategy, **scale._asdict(), "memory": memory, "device": device, "ours": ours}
        records.append(record)
        if "problem" in ours:
            click.echo(f"note: {strategy} is left out: {ours['problem']}", err=True)
            continue
        row = [strategy, f"{ours['seconds']:.1f}", f"{ours['cpu_seconds']:.1f}"]
        row += [f"{ours['passes']:.1f}", f"{ours['bytes'] / 10**9:.1f}"] if "passes" in ours else ["", ""]
        row.append(f"{ours['peak_memory'] / 10**6:,.0f}")
        if against:
            where = folder / f"first-{small.N}"
            both = record["both"] = beside_memory(strategy, where, small, own, device, memory, repeats)
            if "problem" not in both:
                row += [f"{both['by_blocks']:.2f}", f"{both['in_memory']:.2f}", f"{both['ratio']:.2f}"]
                row[-1] += "" if both["same_picks"] else ", other picks"
        table.add_row(*row)
        if file:
            file.write_text(json.dumps(records, indent=2) + "\n")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
