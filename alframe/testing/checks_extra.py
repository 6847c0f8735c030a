"""Checks that are made when they are asked for: at scale, and on a GPU."""

from __future__ import annotations

import torch

from alframe.experiments.cost import measured
from alframe.testing.checks_answers import difference
from alframe.testing.kit import ANSWERS, QUERY, REPEATABLE, CheckFailedError, CheckSkippedError, check
from alframe.testing.subject import Subject

N, D, L, C, BUDGET = 20_000, 128, 1_000, 10, 500
TOLERANCE = 1e-3


@check(*QUERY, after=ANSWERS, flag="scale")
def scale(subject: Subject) -> str:
    """A query of 500 out of 20,000 samples with 128 features: its time and memory are reported."""
    problem = subject.problem(N=N, L=L, C=C, n=BUDGET, inputs=D, features=D)
    with measured(torch.device("cpu")) as cost:
        subject.query(problem)
    return f"{BUDGET} of {N:,} x {D}: {cost.seconds:.2f} s, peak {cost.peak_memory / 2**20:,.0f} MiB"


@check(*QUERY, after=(*ANSWERS, *REPEATABLE), flag="cuda")
def cuda(subject: Subject) -> str:
    """A query on a GPU has the answer that it has on the CPU, up to rounding."""
    if not torch.cuda.is_available():
        raise CheckSkippedError("there is no CUDA device")
    device = torch.device("cuda")
    with torch.random.fork_rng(devices=[torch.cuda.current_device()]):
        there = subject.ask(subject.problem().to(device))
    if what := difference(subject.ask(subject.problem()), there, TOLERANCE):
        raise CheckFailedError(f"on the GPU there are other {what}")
    return torch.cuda.get_device_name(device)
