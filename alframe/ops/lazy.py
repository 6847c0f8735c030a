"""Rows of a matrix that is too large to be kept: they are made when they are asked for."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from alframe.ops.blocks import joined, row_blocks

KEPT_ELEMENTS = 90_000_000  # numbers of a matrix that are kept in any case, 360 MB in float32


class LazyRows:
    """An ``n x c`` matrix for geometries, of which the first rows are kept.

    All others are made whenever they are asked for: a pass over the rows costs their making.

    Args:
        make: makes the rows at positions, a tensor of them or a slice, in that order: ``m x c``. What it
            makes of a row may depend on the other positions by rounding alone.
        n: how many rows there are.
        most: how many numbers are kept at the most.

    Attributes:
        shape: ``(n, c)``.
        dtype: that of the rows.
        device: where they are made.
        memory: bytes that may be held of what is as long as the rows.

    Example:
        >>> rows = LazyRows(lambda positions: torch.arange(6.0).view(3, 2)[positions].exp(), 3, most=2)
        >>> rows.shape, rows[0:1].tolist()
        ((3, 2), [[1.0, 2.7182817459106445]])
    """

    memory: float = math.inf

    def __init__(self, make: Callable[[Tensor | slice], Tensor], n: int, most: int) -> None:
        like = make(slice(0, 1))
        columns = like.shape[1]
        self.shape = (n, columns)
        self.dtype: torch.dtype = like.dtype
        self.device: torch.device = like.device
        self._make = make
        kept = min(n, most // max(1, columns))
        self._kept = joined((make(block) for block in row_blocks(kept, columns, like.device)), kept)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Tensor | slice) -> Tensor:
        """The rows at ``positions``, made or kept, in that order."""
        if isinstance(positions, slice):
            rows = range(len(self))[positions]
            if rows.step == 1 and rows.stop <= len(self._kept):
                return self._kept[positions]
        return self._make(positions)

    def whole(self) -> Tensor:
        """All rows, made or kept."""
        return self[:]

    def split(self, size: int) -> Iterator[Tensor]:
        """Blocks of ``size`` rows, as `torch.Tensor.split` gives them, each made when it is asked for."""
        for start in range(0, max(1, len(self)), size):
            yield self[start : start + size]

    def part(self, positions: Tensor | slice) -> LazyRows:
        """The rows at ``positions``, of which none is made yet."""
        if isinstance(positions, Tensor):
            return self._like(lambda inner: self[positions[inner]], len(positions), self.dtype)
        rows = range(len(self))[positions]
        return self._like(functools.partial(_of_range, self, rows), len(rows), self.dtype)

    def within_memory(self, positions: Tensor | slice = slice(None)) -> Tensor | LazyRows:
        """The rows at ``positions``: held where they take no more than half of ``memory``, else not made yet.

        Args:
            positions: as in `part`.
        """
        some = len(positions) if isinstance(positions, Tensor) else len(range(len(self))[positions])
        if 2 * some * self.shape[1] * self.dtype.itemsize <= self.memory:
            return self[positions]
        return self.part(positions)

    def each(self, function: Callable[[Tensor], Tensor]) -> LazyRows:
        """What a function makes of each row on its own, as wide and of the same type."""
        return self._like(lambda positions: function(self[positions]), len(self), self.dtype)

    def followed_by(self, more: Tensor) -> LazyRows:
        """These rows, and after them ``more``, a tensor as wide and of the same type."""
        return self._like(functools.partial(_followed, self, more), len(self) + len(more), self.dtype)

    def float(self) -> LazyRows:
        """The same rows in float32."""
        return self._like(lambda positions: self[positions].float(), len(self), torch.float32)

    def double(self) -> LazyRows:
        """The same rows in float64."""
        return self._like(lambda positions: self[positions].double(), len(self), torch.float64)

    def _like(self, make: Callable[[Tensor | slice], Tensor], n: int, dtype: torch.dtype) -> LazyRows:
        """Rows of these: what is kept is kept here."""
        rows = copy.copy(self)
        rows._make, rows.shape, rows.dtype = make, (n, self.shape[1]), dtype
        rows._kept = self._kept[:0].to(dtype)
        return rows


def _followed(first: LazyRows, more: Tensor, positions: Tensor | slice) -> Tensor:
    """Rows of one matrix below the other."""
    n = len(first)
    if isinstance(positions, slice):
        rows = range(n + len(more))[positions]
        if rows.step == 1:
            after = more[max(0, rows.start - n) : max(0, rows.stop - n)]
            return torch.cat([first[min(rows.start, n) : min(rows.stop, n)], after])
        positions = torch.tensor(rows, dtype=torch.int64, device=first.device)
    made, own = more.new_empty(len(positions), first.shape[1]), positions < n
    made[own], made[~own] = first[positions[own]], more[positions[~own] - n]
    return made


def _of_range(whole: LazyRows, rows: range, inner: Tensor | slice) -> Tensor:
    """Rows at positions in a range of all."""
    if isinstance(inner, Tensor):
        return whole[rows.start + rows.step * inner]
    chosen = rows[inner]
    return whole[chosen.start : chosen.stop : chosen.step]
