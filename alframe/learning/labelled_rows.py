"""Rows of a pool that have their labels already: they leave it, and are the labelled set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sized
from typing import Any, Self

import torch
from torch import Tensor

from alframe.data.holes import Holes
from alframe.errors import UsageError
from alframe.learning.inputs import class_numbers, positions, rows_of
from alframe.learning.stored import StoredRows


def _class_numbers(labels: Any) -> Tensor:
    return class_numbers(labels, "labelled_targets")


def _count(labels: Any) -> int:
    shape = getattr(labels, "shape", None)
    return int(shape[0]) if shape else len(labels) if isinstance(labels, Sized) else 1


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledRows:
    """Which rows of all features are labelled.

    Attributes:
        rows: ``L`` row numbers as they were given: int64, on the CPU.
        targets: their class numbers.
        size: how many rows there are.
    """

    rows: Tensor
    targets: Tensor
    size: int

    @classmethod
    def of(
        cls, rows: Any, targets: Any, size: int, numbers: Callable[[Any], Tensor] = _class_numbers
    ) -> Self:
        """Checks what a user gives.

        Args:
            rows: ``L`` row numbers, or a boolean for each row.
            targets: their labels in that order, or one for each of all rows, those of others not looked at.
            size: how many rows there are.
            numbers: makes class numbers of labels.

        Raises:
            UsageError: wrong or repeated rows, all rows, or other labels than there are rows.
        """
        if targets is None:
            raise UsageError("labelled_rows needs labelled_targets, their labels")
        found = positions(rows, "labelled_rows", size)
        values, counts = found.unique(return_counts=True)
        if len(values) < len(found):
            raise UsageError(f"labelled_rows names row {int(values[counts.argmax()])} twice")
        if len(found) == size:
            raise UsageError(f"labelled_rows are all {size:,} rows of features: there is none left to choose")
        given = numbers(rows_of(targets, found) if _count(targets) == size else targets)
        if len(given) != len(found):
            raise UsageError(
                f"{len(found)} labelled_rows but {len(given)} labelled_targets: expected one for each of "
                f"them, or one for each of all {size:,} rows"
            )
        return cls(found, given, size)

    def split(self, pool: Tensor | StoredRows) -> tuple[Tensor | StoredRows, Tensor]:
        """The features of the other rows, and those of the labelled ones."""
        labelled = pool[self.rows.to(pool.device)]
        if isinstance(pool, StoredRows):
            return pool.without(Holes(self.rows.numpy())), labelled
        return pool[self.others.to(pool.device)], labelled

    def rows_of(self, picks: Tensor) -> Tensor:
        """Rows of all features, of positions among those that are not labelled."""
        return torch.from_numpy(Holes(self.rows.numpy()).rows_of(picks.numpy()))

    def scores_of_all(self, scores: Tensor | None) -> Tensor | None:
        """Scores of all rows; of a labelled one -inf, which means never."""
        if scores is None:
            return None
        return scores.new_full((self.size,), -torch.inf).masked_scatter_(self.others, scores)

    @property
    def others(self) -> Tensor:
        """Which rows are not labelled, a boolean for each."""
        others = torch.ones(self.size, dtype=torch.bool)
        others[self.rows] = False
        return others
