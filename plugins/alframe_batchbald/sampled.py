"""Probabilities of rows by all posterior samples, kept as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe.ops import LazyRows, rows_per_block
from alframe_centroids.clusters import order_by_content

KEPT = 50_000_000  # numbers of the probabilities that are kept, 200 MB in float32
AT_ONCE = 1 << 19  # numbers of products that are there at a time on the CPU: they stay in its cache
WIDTH = 4096  # mixtures of a block
TINY = torch.finfo(torch.float32).tiny
Passes = Iterator[Tensor]
Stream = Callable[[Callable[[Passes], Tensor]], Tensor]


def some_of(
    rows: Float[Tensor, "n d"] | LazyRows, allowed: Bool[Tensor, " n"], most: int, generator: torch.Generator
) -> Bool[Tensor, " n"]:
    """Some of the rows that are allowed, drawn at random by what they hold, not by where they stand.

    Args:
        rows: what the samples are told apart by.
        allowed: which may be drawn.
        most: how many are drawn, if there are as many.
        generator: CPU generator.
    """
    order = order_by_content(rows, generator)
    order = order[allowed[order]]
    drawn = torch.randperm(len(order), generator=generator)[:most].to(order.device)
    chosen = torch.zeros_like(allowed)
    chosen[order[drawn]] = True
    return chosen


class Sampled:
    """Rows with their ``C x T`` probabilities by all posterior samples.

    Where those of all are more than ``most`` numbers, none is kept but what `keep` is told. Others are made
    anew, block by block, for each look at them.

    Args:
        stream: maps a function of a block's passes to what it makes of all rows: one pass over the pool.
        wanted: the rows that will be looked at.
        samples: number of posterior samples.
        first: what is made of each block in the first pass.
        most: how many numbers are kept.

    Attributes:
        found: what ``first`` made of all rows.
        samples: number of posterior samples.
        classes: number of classes.
    """

    def __init__(
        self,
        stream: Stream,
        wanted: Bool[Tensor, " n"],
        samples: int,
        first: Callable[[Passes], Tensor],
        most: int = KEPT,
    ) -> None:
        self.samples = samples
        self.classes = 0
        self._stream = stream
        self._wanted = wanted
        self._most = most
        self._kept = torch.empty(0)
        self._place = (wanted.long().cumsum(0) - 1).masked_fill(~wanted, -1)  # of a row among those kept
        start = 0

        def look(passes: Passes) -> Tensor:
            nonlocal start
            found = first(self._recorded(passes, start))
            start += len(found)
            return found

        self.found = stream(look)
        if not len(self._kept):
            self._place[:] = -1

    def _recorded(self, passes: Passes, start: int) -> Iterator[Tensor]:
        """The passes of a block as they come; they are kept if there is room for those of all rows."""
        for number, probs in enumerate(passes):
            if start + number == 0:
                rows, self.classes = int(self._wanted.sum()), probs.shape[1]
                if 0 < rows * self.classes * self.samples <= self._most:
                    self._kept = probs.new_empty(rows, self.classes, self.samples)
            if len(self._kept):
                inside = self._wanted[start : start + len(probs)]
                self._kept[self._place[start : start + len(probs)][inside], :, number] = probs[inside]
            yield probs

    def keep(self, rows: Int64[Tensor, " k"]) -> None:
        """Keeps the first of some rows, as many as there is room for, unless all are kept.

        Args:
            rows: the most important ones first.
        """
        if len(self._kept) or not len(rows):
            return
        best = rows[: max(1, self._most // (self.classes * self.samples))].sort().values
        self._kept = self._made(best, lambda probs: probs)
        self._place[best] = torch.arange(len(best), device=best.device)

    def each(
        self, function: Callable[[Float[Tensor, "b c t"]], Tensor], positions: Int64[Tensor, " k"]
    ) -> Tensor:
        """What a function makes of the probabilities of some rows, each on its own.

        Args:
            function: maps ``b x C x T`` probabilities to ``b x ...`` results.
            positions: different rows, at least one; in ascending order, unless all rows are kept.
        """
        places = self._place[positions]
        here = places >= 0
        parts: list[tuple[Tensor, Tensor]] = []
        if here.any():
            size = rows_per_block(self._kept[0].numel(), self._kept.device)
            made = [function(self._kept[part]) for part in places[here].split(size)]
            parts.append((here, torch.cat(made)))
        if not here.all():
            parts.append((~here, self._made(positions[~here], function)))
        whole = parts[0][1].new_empty(len(positions), *parts[0][1].shape[1:])
        for rows, part in parts:
            whole[rows] = part
        return whole

    def _made(self, positions: Int64[Tensor, " k"], function: Callable[[Tensor], Tensor]) -> Tensor:
        """What a function makes of the ``w x C x T`` probabilities of rows in ascending order; one pass."""
        wanted = torch.zeros_like(self._wanted)
        wanted[positions] = True
        found: list[Tensor] = []
        start = 0

        def look(passes: Passes) -> Tensor:
            nonlocal start
            parts, rows = [], 0
            for probs in passes:
                rows = len(probs)
                parts.append(probs[wanted[start : start + rows]])
            start += rows
            if len(parts[0]):
                found.append(function(torch.stack(parts, dim=2)))
            return wanted.new_zeros(rows)

        self._stream(look)
        return torch.cat(found)


def mixed_entropies(
    probs: Float[Tensor, "b c t"], mixtures: Float[Tensor, "j t"], weights: Float[Tensor, " j"]
) -> Float[Tensor, " b"]:
    """``sum_j w_j sum_c h(sum_t p_ct m_jt)`` with ``h(x) = -x log x``, float64.

    Products are made in the precision of ``probs``, sums of blocks are float64. No more than a block of the
    ``b C x J`` products is there at a time.

    Args:
        probs: probabilities of ``b`` rows.
        mixtures: what posterior samples are weighed by.
        weights: of the mixtures.
    """
    rows, classes, samples = probs.shape
    flat = probs.reshape(rows * classes, samples)
    mixtures, weights = mixtures.to(probs.dtype), weights.to(probs.dtype)
    found = torch.zeros(rows * classes, dtype=torch.float64, device=probs.device)
    width = min(len(weights), WIDTH)
    size = rows_per_block(width, probs.device, AT_ONCE)
    for start in range(0, len(flat), size):
        part = flat[start : start + size]
        for first in range(0, len(weights), width):
            products = (part @ mixtures[first : first + width].T).clamp_(min=TINY)  # 0 log 0 = 0
            found[start : start + size] -= products.log().mul_(products) @ weights[first : first + width]
    return found.view(rows, classes).sum(dim=1)
