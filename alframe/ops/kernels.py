"""Kernels: how well a point stands for another, by the distance between them; and blocks of their values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops.blocks import rows_per_block
from alframe.ops.geometry import Geometry

SMALLEST_WIDTH = 1e-18  # its square is still a float32, and no points are nearer without coinciding
FINE = 1000  # resolutions that make a squared width; below, values are off by more than a thousandth
STORED_BYTES = 1 << 28  # kernels up to these 256 MB are kept: 8,192 points in float32


@dataclasses.dataclass(frozen=True)
class Kernel:
    """Values from 0 to 1 that fall with the distance ``d``.

    Args:
        shape: ``"gaussian"``, ``exp(-(d / width)^2)`` without a factor of 1/2; ``"laplace"``,
            ``exp(-d / width)``; or ``"top-hat"``, 1 where ``d < width`` and else 0.
        width: a distance above 0; that of a top-hat may be 0.

    Raises:
        ValueError: the width is negative, or 0 where distances are divided by it.

    Example:
        >>> Kernel("top-hat", 2.0)(torch.tensor([[0.0, 1.0, 4.0]])).tolist()
        [[1.0, 1.0, 0.0]]
    """

    shape: Literal["gaussian", "laplace", "top-hat"] = "gaussian"
    width: float = 1.0

    def __post_init__(self) -> None:
        """Refuses a width that is none."""
        if not (self.width > 0 or (self.width == 0 and self.shape == "top-hat")):
            raise ValueError(f"the width of a {self.shape} kernel must be above 0, got {self.width}")

    def __call__(self, squared: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        """The values at squared distances, written over them."""
        width = max(self.width, SMALLEST_WIDTH) if self.width else 0.0
        if self.shape == "top-hat":
            return torch.lt(squared, width * width, out=squared)
        if self.shape == "laplace":
            return squared.sqrt_().mul_(-1 / width).exp_()
        return squared.mul_(-1 / (width * width)).exp_()

    def wants_digits(self, resolution: float) -> bool:
        """Whether the width is one that squared distances of this resolution are too coarse for."""
        return 0 < self.width < math.sqrt(FINE * resolution)


class KernelBlocks:
    """The kernel between some points, in blocks that are computed when asked for, or kept where it is small.

    Args:
        points: ``n`` points of any geometry.
        kernel: the kernel.

    Attributes:
        side: rows and columns of a square block.
        kept: the whole kernel, ``n x n``, or None where it takes more than `STORED_BYTES`.
    """

    def __init__(self, points: Geometry, kernel: Kernel) -> None:
        self._points, self._kernel = points, kernel
        norms = points.squared_norms()
        self._device = norms.device
        self._elements = rows_per_block(1, norms.device)
        self.side = math.isqrt(self._elements)
        self.kept: Tensor | None = None
        if len(points) ** 2 * norms.element_size() <= STORED_BYTES:
            kept = norms.new_empty(len(points), len(points))
            for rows, columns, values in self.half():
                kept[rows, columns], kept[columns, rows] = values, values.T
            self.kept = kept

    def half(self) -> Iterator[tuple[slice, slice, Float[Tensor, "a b"]]]:
        """Square blocks on and above the diagonal; the kernel is symmetric, so they are all of it."""
        for start in range(0, len(self._points), self.side):
            stop = min(start + self.side, len(self._points))
            for columns, values in self.across(
                torch.arange(start, stop, device=self._device), start, self.side
            ):
                yield slice(start, stop), columns, values

    def across(
        self, rows: Int64[Tensor, " a"], start: int = 0, width: int = 0
    ) -> Iterator[tuple[slice, Float[Tensor, "a b"]]]:
        """Some rows of the kernel, in blocks of columns that may be written over; 1 of a point with itself.

        Args:
            rows: positions of points, at least one.
            start: first column.
            width: columns of a block; by default so many that it is of the usual size.
        """
        points = self._points[rows] if self.kept is None else self._points
        width = width or max(1, self._elements // len(rows))
        for first in range(start, len(self._points), width):
            columns = slice(first, min(first + width, len(self._points)))
            if self.kept is not None:
                yield columns, self.kept[rows, columns]
                continue
            values = self._kernel(points.squared_distances(self._points[columns]))
            own = (rows - first)[:, None]
            inside, own = (own >= 0) & (own < values.shape[1]), own.clamp(0, values.shape[1] - 1)
            yield columns, values.scatter_(1, own, torch.where(inside, 1, values.gather(1, own)))
