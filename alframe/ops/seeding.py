"""Where k-means begins: greedy k-means++, with candidates for many centres at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe.ops.blocks import row_blocks
from alframe.ops.graphs import Recorder
from alframe.ops.lazy import LazyRows

SEEDING_ELEMENTS = 1 << 24  # distances held at once: 64 MB of float32, where wide products matter
ELEMENTS_ON_GPU = 1 << 27  # there a batch's few launches matter more
EAGER = 16  # seeds that are chosen before the choice is captured on a GPU
WORTH = 64  # seeds from which on it is


def greedy_seeds(
    x: Float[Tensor, "n d"] | LazyRows, squared_norms: Float[Tensor, " n"], k: int, generator: torch.Generator
) -> Float[Tensor, "k d"]:
    """Draw several rows by squared distance to the nearest seed; keep the one that lowers the sum most.

    One seed at a time is bound by memory: candidates for several are drawn at once, so that their distances
    are one matrix product. Later ones are accepted with probability ``d_now / d_then``, which leaves the law
    exactly as if they had been drawn one seed at a time.

    Args:
        x: ``n x d`` tensor of rows, or `LazyRows`, which are made once for each draw of candidates.
        squared_norms: their squared lengths.
        k: how many seeds.
        generator: CPU generator.
    """
    seeding = _Seeding(x, squared_norms, k)
    found = 0
    while found < k:
        # the law changes slowly once there are many seeds
        seeding.draw(min(1 + found // 4, k - found, seeding.widest), generator)
        seeding.choose(capture=k >= WORTH and found >= EAGER)
        found = int(seeding.found)
    return seeding.seeds[:k]


class _Seeding:
    """Seeds that were found, candidates for the next, and a step that chooses one, all on the device.

    Args:
        x: rows.
        squared_norms: their squared lengths.
        k: how many seeds.

    Attributes:
        seeds: the first are those found; one row more than ``k``.
        found: how many.
        widest: for how many seeds candidates are drawn at the most.
    """

    def __init__(
        self, x: Float[Tensor, "n d"] | LazyRows, squared_norms: Float[Tensor, " n"], k: int
    ) -> None:
        on_gpu = x.device.type == "cuda"
        self._trials = 2 + int(math.log(k))  # as in Arthur and Vassilvitskii's program and scikit-learn
        held = (ELEMENTS_ON_GPU if on_gpu else SEEDING_ELEMENTS) // (len(x) * self._trials)
        self.widest = max(1, min(held, 1 + k // 4, k))
        most = self._trials * self.widest
        self._x = x
        self._squared_norms = squared_norms
        self._closest = torch.full_like(squared_norms, math.inf)
        # tensors that stay where they are: small ones between large blocks would fragment the heap by
        # gigabytes, and a CUDA graph knows where they lie
        self.seeds = squared_norms.new_zeros(k + 1, x.shape[1])
        self._distances = squared_norms.new_empty(most, len(x))
        self._positions = torch.zeros(most, dtype=torch.int64, device=x.device)
        self._then = squared_norms.new_zeros(most)
        self._luck = torch.zeros(most, dtype=torch.float64, device=x.device)
        self._places = torch.arange(most, device=x.device)
        self._ranks = torch.arange(1, self._trials + 1, device=x.device)
        self._from, self._to, self.found = torch.zeros(3, 1, dtype=torch.int64, device=x.device)
        self._steps = 0
        self._recorder = Recorder(x.device) if on_gpu else None
        self._replay: Callable[[], Tensor | None] = self.step

    def draw(self, steps: int, generator: torch.Generator) -> None:
        """Draws candidates.

        Args:
            steps: for how many seeds.
            generator: CPU generator.
        """
        first, self._steps = not self._steps, steps
        count = steps * self._trials
        law = torch.ones_like(self._closest) if first else self._closest  # at first all rows are alike
        positions = drawn(law, _uniforms(count, generator, law))
        self._luck[:count] = _uniforms(count, generator, law)
        self._positions[:count] = positions
        self._then[:count] = self._closest[positions]
        candidates, distances = self._x[positions], self._distances[:count]
        if isinstance(self._x, Tensor):
            torch.addmm(self._squared_norms, candidates, self._x.T, alpha=-2, out=distances)
        else:
            for block in row_blocks(len(self._x), self._x.shape[1], distances.device):
                norms, some = self._squared_norms[block], self._x[block]
                torch.addmm(norms, candidates, some.T, alpha=-2, out=distances[:, block])
        distances.add_(candidates.square().sum(1)[:, None]).clamp_(min=0)
        self._from.zero_()
        self._to.fill_(count)

    def choose(self, *, capture: bool) -> None:
        """Chooses seeds while there are enough candidates that the law accepts as it is by then.

        Args:
            capture: whether it pays to repeat the step as a CUDA graph, on a GPU.
        """
        if capture and self._recorder is not None:
            with contextlib.suppress(Exception):  # of whichever type torch's version has it
                self._replay = self._recorder.record(self.step)
            self._recorder = None
        for _ in range(self._steps):  # as many as there can be: a GPU is not asked whether there was one
            enough = self._replay()
            if enough is not None and enough.device.type == "cpu" and not enough:
                break

    def step(self) -> Bool[Tensor, " 1"]:
        """Chooses the next seed, or changes nothing; whether there were enough candidates."""
        closest = self._closest
        rejected = self._luck * self._then > closest[self._positions]  # so NaN is accepted, and the loop ends
        accepted = ~rejected & (self._places >= self._from) & (self._places < self._to)
        tried = torch.searchsorted(accepted.cumsum(0), self._ranks)
        enough = tried[-1:] < len(self._places)
        tried = tried.clamp(max=len(self._places) - 1)
        all_tried = len(self._places) == self._trials  # candidates for one seed alone, all of them accepted
        lowered = self._distances if all_tried else self._distances.index_select(0, tried)
        torch.minimum(lowered, closest, out=lowered)
        best = lowered.sum(1).argmin(keepdim=True)
        torch.where(enough, lowered.index_select(0, best)[0], closest, out=closest)
        position = self._positions[tried[best]]
        self.seeds.index_copy_(0, self.found, self._x[position])  # for good, if it is one
        self._from.copy_(torch.where(enough, tried[-1:] + 1, self._from))
        self.found += enough
        return enough


def _uniforms(count: int, generator: torch.Generator, like: Tensor) -> Float[Tensor, " count"]:
    return torch.rand(count, generator=generator, dtype=torch.float64).to(like.device)


def drawn(law: Float[Tensor, " n"], uniforms: Float[Tensor, " m"]) -> Int64[Tensor, " m"]:
    """Positions with probability proportional to ``law``, by inversion of its cumulative sum.

    The sum is in 64 bits and of the whole law, and made block by block: twice, and not kept.

    Args:
        law: numbers of at least 0, at least one; where all are 0, any position may be drawn.
        uniforms: numbers between 0 and 1, in 64 bits.

    Example:
        >>> drawn(torch.tensor([0.0, 3.0, 1.0]), torch.tensor([0.0, 0.7, 0.8])).tolist()
        [1, 1, 2]
    """
    blocks = list(row_blocks(len(law), 1, law.device))
    if len(blocks) == 1:
        cumulative = law.cumsum(0, dtype=torch.float64)
        # right=True never returns a position of probability 0; the clamp is for a law that is 0 everywhere
        return torch.searchsorted(cumulative, uniforms * cumulative[-1], right=True).clamp_(max=len(law) - 1)
    ends = [law.new_zeros(1, dtype=torch.float64)]
    for block in blocks:
        ends.append(_summed(law[block], ends[-1])[-1:].clone())  # a view would keep the block
    wanted = uniforms * ends[-1]
    of = torch.searchsorted(torch.cat(ends[1:]), wanted, right=True).clamp_(max=len(blocks) - 1)
    positions = torch.empty_like(wanted, dtype=torch.int64)
    for number in of.unique().tolist():
        block, here = blocks[number], of == number
        places = torch.searchsorted(_summed(law[block], ends[number]), wanted[here], right=True)
        positions[here] = places.add_(block.start)
    return positions.clamp_(max=len(law) - 1)


def _summed(law: Tensor, before: Tensor) -> Tensor:
    """The cumulative sum as it goes on: added in the order in which it is without blocks."""
    return torch.cat([before, law]).cumsum(0)[1:]
