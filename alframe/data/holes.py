"""Rows in files of which some are left out: the others count as if those were not there."""

from __future__ import annotations

from typing import Any

import numpy as np

from alframe.data.shards import Array, Shards


class Holes:
    """Which rows are left out of how many; nothing as long as all the rows is kept.

    Args:
        left_out: distinct rows in any order.

    Example:
        >>> import numpy as np
        >>> Holes(np.array([1, 3])).rows_of(np.array([0, 1, 2]))
        array([0, 2, 4])
    """

    def __init__(self, left_out: np.ndarray[Any, Any]) -> None:
        self.rows = np.sort(left_out)
        self._positions = self.rows - np.arange(len(self.rows))  # how many of the others come before each

    def __len__(self) -> int:
        return len(self.rows)

    def rows_of(self, positions: Array) -> Array:
        """The rows that are at positions among the others."""
        found: Array = positions + np.searchsorted(self._positions, positions, side="right")
        return found


class ShardsWithout:
    """`Shards` without some of their rows.

    Args:
        shards: all rows.
        holes: those that are left out.
    """

    def __init__(self, shards: Shards, holes: Holes) -> None:
        self._shards = shards
        self._holes = holes
        self.shape = (len(shards) - len(holes), shards.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def rows_read(self) -> int:
        """How many rows were read so far, also of those left out."""
        return self._shards.rows_read

    @property
    def bytes_read(self) -> int:
        """How many bytes they take in the files."""
        return self._shards.bytes_read

    def between(self, start: int, stop: int) -> Array:
        """As `Shards.between`: what lies in between is read and left away."""
        if stop <= start:
            return self._shards.between(0, 0)
        first, last = (int(row) for row in self._holes.rows_of(np.array([start, stop - 1])))
        found = self._shards.between(first, last + 1)
        inside = self._holes.rows
        inside = inside[np.searchsorted(inside, first) : np.searchsorted(inside, last)]
        return np.delete(found, inside - first, axis=0) if len(inside) else found

    def at(self, rows: Array) -> Array:
        """As `Shards.at`."""
        return self._shards.at(self._holes.rows_of(rows))

    def where(self, row: int) -> str:
        """As `Shards.where`."""
        return self._shards.where(int(self._holes.rows_of(np.array([row]))[0]))

    def require_unchanged(self) -> None:
        """As `Shards.require_unchanged`."""
        self._shards.require_unchanged()
