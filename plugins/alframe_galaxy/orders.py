"""For each class the order of all samples, labelled or not, by how much they look like it.

The order of Zhang et al., ICML 2022, arXiv 2202.01402, and of Nuggehalli et al., ICML 2025, arXiv 2312.09196.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe import LabelledView, PoolView

KEPT_ELEMENTS = 1 << 28  # ranks of samples that are kept, 1 GB of int32; orders beyond are made for each look


class Orders:
    """Samples in rows, by ascending position in the data set, and their order for each class.

    Args:
        positions: ``m`` distinct positions in the data set.
        probs: their ``m x c`` class probabilities, float32.
    """

    def __init__(self, positions: Int64[Tensor, " m"], probs: Float[Tensor, "m c"]) -> None:
        ascending = positions.argsort()
        self._probs = probs[ascending]
        self._largest = self._probs.amax(dim=1)
        self.positions = positions[ascending].cpu()
        self.predicted = self._probs.argmax(dim=1).cpu()
        self._rows = torch.full((int(self.positions[-1]) + 1,), -1)
        self._rows[self.positions] = torch.arange(len(positions))
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def num_classes(self) -> int:
        """How many there are."""
        return self._probs.shape[1]

    def are_of(self, positions: Int64[Tensor, " m"]) -> bool:
        """Whether these are the positions, in any order; they are distinct."""
        if len(positions) != len(self) or int(positions.max()) >= len(self._rows):
            return False
        return bool((self._rows[positions] >= 0).all())

    def rows_of(self, positions: Int64[Tensor, " k"]) -> Int64[Tensor, " k"]:
        """In which rows samples are."""
        return self._rows[positions]

    def of(self, label: int) -> Int64[Tensor, " m"]:
        """The rows from what looks most like a class to what looks least, on the CPU.

        First by ``p_c - max p`` descending. It is 0 for all samples that are predicted to be of the class:
        these stand by ``p_c`` descending, then by position.

        Args:
            label: the class ``c``.
        """
        order = self._kept.get(label)
        if order is None:
            # Floats of at least 0 are ordered as the integers of their bits: one sort by both numbers.
            probs = self._probs[:, label] + 0.0  # no -0.0
            behind = _bits(self._largest - probs)
            order = ((behind << 32) - _bits(probs)).argsort(stable=True).cpu()
            if (len(self._kept) + 1) * len(self) <= KEPT_ELEMENTS:
                self._kept[label] = order.int()
        return order.long()


def _bits(numbers: Float[Tensor, " m"]) -> Int64[Tensor, " m"]:
    return numbers.contiguous().view(torch.int32).long()


class Known(NamedTuple):
    """Rows whose labels are known, or taken for known, and the labels."""

    rows: Int64[Tensor, " k"]
    labels: Int64[Tensor, " k"]

    def and_predicted(self, rows: Int64[Tensor, " j"] | Sequence[int], orders: Orders) -> Known:
        """With some more that stand for what is predicted.

        Args:
            rows: which.
            orders: which know what is predicted.
        """
        more = torch.as_tensor(rows, dtype=torch.int64)
        return Known(torch.cat([self.rows, more]), torch.cat([self.labels, orders.predicted[more]]))


def orders_of(
    pool: PoolView,
    labelled: LabelledView,
    pending: PoolView,
    may_be_picked: Bool[Tensor, " n"] | None,
    cache: dict[str, Any],
) -> tuple[Orders, Known]:
    """The orders of all samples in three views, and what is known of them.

    Args:
        pool: the unlabelled pool.
        labelled: the labelled set.
        pending: samples that somebody is labelling now: what is predicted stands for their labels.
        may_be_picked: which samples of the pool; the others are left out. None means all.
        cache: ``ctx.round_cache``: orders are the same as long as the network and the samples are.
    """
    views: list[PoolView | LabelledView] = [labelled, pending, pool]
    positions = [view.positions.cpu() for view in views]
    if may_be_picked is not None:
        positions[2] = positions[2][may_be_picked.cpu()]
    every = torch.cat(positions)
    orders: Orders | None = cache.get("orders")
    if orders is None or not orders.are_of(every):
        probs = [view.probs for view in views if len(view)]
        if may_be_picked is not None:
            probs[-1] = probs[-1][may_be_picked]
        orders = cache["orders"] = Orders(every.to(probs[-1].device), torch.cat(probs))
    known = Known(orders.rows_of(positions[0]), labelled.targets.cpu())
    return orders, known.and_predicted(orders.rows_of(positions[1]), orders)


def places_in(pool: PoolView, positions: Int64[Tensor, " k"]) -> Int64[Tensor, " k"]:
    """Where in the pool samples stand.

    Args:
        pool: the unlabelled pool.
        positions: of samples of the pool in the data set.
    """
    of_pool = pool.positions
    places = of_pool.new_empty(int(of_pool.max()) + 1)
    places[of_pool] = torch.arange(len(of_pool), device=of_pool.device)
    return places[positions.to(of_pool.device)]


def drawn_among(free: Int64[Tensor, " k"], count: int, generator: torch.Generator) -> Int64[Tensor, " j"]:
    """Some of the free ranks, drawn uniformly without replacement.

    Args:
        free: ranks.
        count: how many; all where there are fewer.
        generator: CPU generator.
    """
    return free[torch.randperm(len(free), generator=generator)[:count]]
