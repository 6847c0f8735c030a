"""The greedy batch, by bounds: most of the pool is never evaluated.

Kirsch et al., NeurIPS 2019, arXiv 1906.08158, algorithm 1.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe_batchbald._candidates import Candidates
from alframe_batchbald._joint import Joint

TIE = 2e-6  # nats: float32 products differ by less
NOTHING = 1e-5  # nats that are none: rounding would decide
FIRST, MORE = 64, 4  # rows that are evaluated at first; how many times more with each look
WORTH = 40_000  # rows times classes: of fewer, evaluating all takes no longer than grouping configurations
NEAR = 0.9  # share of the most that so many posterior samples can tell: beyond, what is told is mostly noise


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """A batch and what its labels tell.

    Attributes:
        picks: positions, in the order of choice.
        gains: what each label told beyond those before it, in nats; 0 of those that were filled up.
        information: ``a(S)``, their sum, in nats.
        most: ``log T``, which no batch can exceed with ``T`` posterior samples.
        beyond: how many samples were chosen when 0.9 of that was reached.
    """

    picks: Int64[Tensor, " n"]
    gains: list[float]
    information: float
    most: float
    beyond: int


@torch.no_grad()
def greedy(candidates: Candidates, n: int, configurations: int, generator: torch.Generator) -> Batch:
    """Adds the sample whose label tells most beyond the labels of the batch so far, ``n`` times.

    Where no label tells anything any more, as when ``T`` posterior samples are all told apart, the batch is
    filled up with those that tell most alone.

    Args:
        candidates: what may be chosen.
        n: how many are.
        configurations: how many label configurations are enumerated, or drawn.
        generator: CPU generator of the order among equals and of the drawn configurations.
    """
    alone = candidates.information
    ranks = torch.randperm(len(alone), generator=generator).to(alone.device)
    joint = Joint(candidates.samples, configurations, generator, alone.device)
    bounds = alone.clone()
    picks: list[int] = []
    gains: list[float] = []
    for _ in range(min(n, int((alone > -torch.inf).sum()))):
        gained = _refresh(candidates, joint, bounds) if picks else bounds
        if float(gained.amax()) < NOTHING:
            break
        pick = _first(gained, ranks)
        gains.append(max(0.0, float(gained[pick])))
        picks.append(pick)
        bounds[pick] = -torch.inf
        joint.add(candidates.probs(pick))
    chosen = torch.tensor(picks, dtype=torch.int64, device=alone.device)
    rest = _by_rank(alone.index_fill(0, chosen, -torch.inf), ranks, n - len(picks))
    most, told = math.log(candidates.samples), 0.0
    beyond = len(rest)
    for gain in gains:
        beyond += told > NEAR * most
        told += gain
    gains += [0.0] * len(rest)
    return Batch(torch.cat([chosen, rest]), gains, min(told, most), most, beyond)


def _refresh(candidates: Candidates, joint: Joint, bounds: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Gains of all rows that may be the best; ``-inf`` of the others. Bounds become tighter, in place.

    What a label tells never rises while configurations are enumerated, so that an earlier gain is a bound.
    Where configurations are drawn, those of `Joint.coarse` give one, or else all rows are evaluated.
    """
    left = (bounds > -torch.inf).nonzero()[:, 0]
    coarse = joint.coarse() if len(left) * candidates.classes > WORTH else None
    if coarse is not None:
        upper = candidates.gains(coarse, left)
        bounds[left] = upper if joint.drawn is not None else torch.minimum(bounds[left], upper)
    elif joint.drawn is not None:
        bounds[left] = torch.inf
    gains = torch.full_like(bounds, -torch.inf)
    count = FIRST
    while True:
        open_ = bounds.masked_fill(gains > -torch.inf, -torch.inf)
        rows = open_.topk(min(count, len(open_))).indices
        rows = rows[open_[rows] > torch.clamp(gains.amax() - 2 * TIE, min=NOTHING)].sort().values
        if not len(rows):
            return gains
        gains[rows] = bounds[rows] = candidates.gains(joint, rows)
        count *= MORE


def _first(gains: Float[Tensor, " n"], ranks: Int64[Tensor, " n"]) -> int:
    """Of the rows with the largest gain, up to rounding, the one of least rank."""
    equal = gains >= gains.amax() - TIE
    return int(torch.where(equal, ranks, torch.iinfo(torch.int64).max).argmin())


def _by_rank(values: Float[Tensor, " n"], ranks: Int64[Tensor, " n"], count: int) -> Int64[Tensor, " k"]:
    """The rows with the largest values above ``-inf``, at most so many, among equals those of least rank."""
    order = ranks.argsort()
    order = order[values[order].argsort(descending=True, stable=True)]
    return order[values[order] > -torch.inf][: max(0, count)]
