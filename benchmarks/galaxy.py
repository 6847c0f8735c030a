"""A round in which labels come one by one, or in batches: galaxy and direct, 50,000 samples, 100 classes.

    python benchmarks/galaxy.py
    python benchmarks/galaxy.py -s N=10000 -s n=200 --strategies galaxy --small 1000

The first table is of a whole round by `ActiveLearner`: a query for each part, and its labels before the
next, without training between. "Strategy" is what the strategy takes of it, its orders included. The second
has galaxy on fewer samples beside a plain transcription of the published loop over all nodes for each label,
and says how many picks both have in common. Labels are drawn from the predicted probabilities, so that the
predicted boundary is not the true one. "CPU s" are seconds of a processor: the machine may be busy.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import NamedTuple

import click
import numpy as np
import torch
from problems import Scale, Size, make_problem
from rich.console import Console
from rich.table import Table
from torch import Tensor

import alframe
from alframe.registry.registry import Registry
from alframe_cli.params import NameList
from alframe_galaxy._galaxy import picks
from alframe_galaxy.orders import Known, Orders

SIZES = Scale(49_000, 512, 100, 1_000, 1_000)


class Watch:
    """A plugin that stands around whoever selects, and adds up what that takes: seconds of a processor."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @alframe.hookimpl
    def alframe_info(self) -> alframe.PluginInfo:
        """Says what it is."""
        return alframe.PluginInfo(summary="what selecting takes")

    @alframe.hookimpl(wrapper=True)
    def alframe_select(self) -> Generator[None, Tensor, Tensor]:
        """Lets the answer pass."""
        begun = time.process_time()
        answer = yield
        self.seconds += time.process_time() - begun
        return answer


class Problem(NamedTuple):
    """Samples, of which the last ``L`` have labels from the beginning; their probabilities; labels of all."""

    X: Tensor
    probs: Tensor
    truth: Tensor
    head: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, sizes: Scale) -> Problem:
        """Draws one."""
        made = make_problem(sizes)
        W, b = made["head"]
        X = torch.cat([made["features"], made["labelled_features"]])
        probs = (X @ W.T + b).softmax(dim=1)
        truth = probs.multinomial(1, generator=torch.Generator().manual_seed(1))[:, 0]
        return cls(X, probs, truth, (W, b))


def whole_round(strategy: str, sizes: Scale) -> tuple[int, float, float, float]:
    """Queries of a round, their seconds with the labels between them, of a processor, and the strategy's."""
    problem, registry, watch = Problem.of(sizes), Registry(), Watch()
    registry.register(watch, "watch")
    data = alframe.Dataset("made", problem.X, problem.truth, sizes.C).hide_labels()
    recipe = alframe.Recipe(epochs=1)
    learner = alframe.ActiveLearner(data, "linear", strategy, recipe=recipe, device="cpu", registry=registry)
    first = torch.arange(sizes.N, sizes.N + sizes.L)
    learner.tell(first, problem.truth[first])
    learner.fit()
    learner.model.head.load_state_dict(dict(zip(("weight", "bias"), problem.head, strict=True)))
    parts, left = learner.pipeline.parts(sizes.n), sizes.n
    begun, spent = time.perf_counter(), time.process_time()
    for size in parts:
        left -= size
        chosen = learner.query(size, later=left).indices
        learner.tell(chosen, problem.truth[chosen], later=left)
    return len(parts), time.perf_counter() - begun, time.process_time() - spent, watch.seconds


def ours(problem: Problem, sizes: Scale) -> list[int]:
    """Galaxy's picks, each with the labels of those before."""
    orders, truth = Orders(torch.arange(len(problem.X)), problem.probs), problem.truth
    rows = torch.arange(sizes.N, sizes.N + sizes.L)
    draws = torch.Generator().manual_seed(0)
    for _ in range(sizes.n):
        rows = torch.cat([rows, picks(orders, Known(rows, truth[rows]), 1, len(rows), draws)])
    return rows[sizes.L :].tolist()


def loop(problem: Problem, sizes: Scale) -> list[int]:
    """The same as published: for each label a walk over all nodes."""
    probs, truth = problem.probs.numpy(), problem.truth.tolist()
    behind = probs.max(axis=1, keepdims=True) - probs
    orders = [np.lexsort((-probs[:, c], behind[:, c])).tolist() for c in range(sizes.C)]
    labelled = [row >= sizes.N for row in range(len(truth))]
    draws, found = torch.Generator().manual_seed(0), []
    for step in range(sizes.n):
        c = (sizes.L + step) % sizes.C
        rank = walked(orders[c], labelled, [label == c for label in truth])
        if rank < 0:
            free = [rank for rank, row in enumerate(orders[c]) if not labelled[row]]
            rank = free[int(torch.randint(len(free), (1,), generator=draws))]
        found.append(orders[c][rank])
        labelled[found[-1]] = True
    return found


def walked(order: list[int], labelled: list[bool], is_of_class: list[bool]) -> int:
    """The rank to label next, -1 where there is no cut; from the top down, then from the bottom up."""
    size, best, middle = len(order), len(order) + 1, -1
    last, nearest, beside = -1, len(order) + 1, -1
    free = -1
    for rank, row in enumerate(order):
        if not labelled[row]:
            free = rank
            continue
        if last >= 0 and is_of_class[order[last]] != is_of_class[row]:
            if 1 < rank - last < best:
                best, middle = rank - last, (last + rank) // 2
            elif rank - last == 1 and free >= 0 and last - free < nearest:
                nearest, beside = last - free, free
        last = rank
    if middle >= 0:
        return middle
    below, last = -1, -1
    found: list[tuple[int, int]] = []
    for rank in range(size - 1, -1, -1):
        if not labelled[order[rank]]:
            below = rank
            continue
        if last == rank + 1 and below >= 0 and is_of_class[order[last]] != is_of_class[order[rank]]:
            found.append((below - last, below))
        last = rank
    return min([(nearest, 0, beside), *((distance, 1, rank) for distance, rank in found)])[2]


@click.command()
@click.option(
    "-s", "changed", type=Size(), multiple=True, help="A size unlike 49,000 + 1,000 samples, as n=200."
)
@click.option("--strategies", type=NameList(), default="galaxy,direct", show_default=True)
@click.option("--small", default=4_000, show_default=True, help="Samples beside the published loop.")
def main(changed: tuple[tuple[str, int], ...], strategies: list[str], small: int) -> None:
    """Prints the tables."""
    sizes = SIZES._replace(**dict(changed))
    described = ", ".join(f"{name} = {value:,}" for name, value in sizes._asdict().items())
    table = Table("strategy", "queries", "seconds", "CPU s", "strategy, CPU s", title=f"A round: {described}")
    for strategy in strategies:
        count, *seconds = whole_round(strategy, sizes)
        table.add_row(strategy, f"{count:,}", *(f"{value:.2f}" for value in seconds))
    few = sizes._replace(N=small - sizes.L // 10, L=sizes.L // 10, C=min(sizes.C, 20), n=sizes.n // 5)
    problem = Problem.of(few)
    beside = Table("galaxy", "CPU s", "picks in common", title=f"{small:,} samples, C = {few.C}, n = {few.n}")
    answers = []
    for name, function in (("here", ours), ("published loop", loop)):
        spent = time.process_time()
        answers.append(function(problem, few))
        spent = time.process_time() - spent
        same = sum(a == b for a, b in zip(*answers, strict=True)) if len(answers) == 2 else few.n
        beside.add_row(name, f"{spent:.2f}", f"{same} of {few.n}")
    console = Console(width=110)
    console.print(table)
    console.print(beside)


if __name__ == "__main__":
    main()
