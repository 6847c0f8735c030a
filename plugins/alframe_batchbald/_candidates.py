"""Probabilities of the samples that may be chosen, by all posterior samples: kept as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe.ops import LazyRows, rows_per_block
from alframe_batchbald._joint import Joint
from alframe_centroids.clusters import order_by_content

KEPT = 50_000_000  # numbers of the probabilities that are kept, 200 MB in float32
Passes = Iterator[Tensor]
Stream = Callable[[Callable[[Passes], Tensor]], Tensor]


def informed(passes: Iterator[Float[Tensor, "n c"]]) -> Float[Tensor, "n 2"]:
    """What each label alone tells about the posterior samples, and how unknown it is where these are known.

    Args:
        passes: probabilities by one posterior sample after another.

    Returns:
        ``H(mean_t p_t) - mean_t H(p_t)``, at least 0, and ``mean_t H(p_t)``; in nats, float64.
    """
    total = within = torch.zeros(())
    count = 0
    for probs in passes:
        exact = probs.double()
        total, within = total + exact, within + torch.special.entr(exact).sum(dim=1)
        count += 1
    within = within / count
    return torch.stack([(torch.special.entr(total / count).sum(dim=1) - within).clamp(min=0), within], dim=1)


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


class Candidates:
    """The samples that may be chosen, with their probabilities by all posterior samples.

    Where these are more than ``most`` numbers, those of the samples that tell most by themselves are kept,
    and the others are made anew, block by block, for each look at them.

    Args:
        stream: maps a function of a block's passes to what it makes of all rows: one pass over the pool.
        allowed: which rows may be chosen.
        samples: number of posterior samples.
        most: how many numbers are kept.

    Attributes:
        information: ``N`` float64 numbers: what each label alone tells; ``-inf`` of what must not be chosen.
        within: ``N`` float64 numbers: mean entropy of the label where the posterior sample is known.
        samples: number of posterior samples.
        classes: number of classes; 0 where nothing may be chosen.
    """

    def __init__(self, stream: Stream, allowed: Bool[Tensor, " n"], samples: int, most: int = KEPT) -> None:
        self.samples = samples
        self._stream = stream
        self._allowed = allowed
        self._kept = torch.empty(0)
        self._place = allowed.long().cumsum(0) - 1  # of a row among those that are kept; -1 where it is not
        self._place[~allowed] = -1
        start = 0

        def look(passes: Passes) -> Tensor:
            nonlocal start
            found = informed(self._recorded(passes, start, most))
            start += len(found)
            return found

        information, self.within = stream(look).unbind(dim=1)
        self.information = information.masked_fill(~allowed, -torch.inf)
        if not len(self._kept):
            self._keep_best(most)
        self.classes = self._kept.shape[1] if len(self._kept) else 0

    def _recorded(self, passes: Passes, start: int, most: int) -> Iterator[Tensor]:
        """The passes of a block as they come; they are kept if there is room for those of all rows."""
        for number, probs in enumerate(passes):
            rows, classes = int(self._allowed.sum()) if start + number == 0 else 0, probs.shape[1]
            if 0 < rows * classes * self.samples <= most:
                self._kept = probs.new_empty(rows, classes, self.samples)
            if len(self._kept):
                inside = self._allowed[start : start + len(probs)]
                self._kept[self._place[start : start + len(probs)][inside], :, number] = probs[inside]
            yield probs

    def _keep_best(self, most: int) -> None:
        """Keeps the rows that tell most alone, as many as there is room for."""
        order = self.information.argsort(descending=True, stable=True)[: int(self._allowed.sum())]
        if not len(order):
            return
        row = self._made(order[:1], lambda probs: probs)
        best = order[: max(1, most // row.numel())].sort().values
        self._place[:] = -1
        self._place[best] = torch.arange(len(best), device=best.device)
        self._kept = self._made(best, lambda probs: probs)

    def probs(self, position: int) -> Float[Tensor, "c t"]:
        """The ``C x T`` probabilities of one row."""
        place = int(self._place[position])
        if place >= 0:
            return self._kept[place]
        return self._made(torch.tensor([position], device=self._place.device), lambda probs: probs)[0]

    def gains(self, joint: Joint, positions: Int64[Tensor, " k"]) -> Float[Tensor, " k"]:
        """What the labels of some rows tell beyond those of a batch, float64.

        Args:
            joint: the batch.
            positions: the rows, in ascending order.
        """
        places = self._place[positions]
        here = places >= 0
        found = self.within.new_zeros(len(positions))
        if here.any():
            size = rows_per_block(self._kept[0].numel(), self._kept.device)
            found[here] = torch.cat([joint.entropies(self._kept[part]) for part in places[here].split(size)])
        if not here.all():
            found[~here] = self._made(positions[~here], joint.entropies)
        return found - self.within[positions]

    def _made(self, positions: Int64[Tensor, " k"], function: Callable[[Tensor], Tensor]) -> Tensor:
        """What a function makes of the ``w x C x T`` probabilities of rows in ascending order; one pass."""
        wanted = torch.zeros_like(self._allowed)
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
