"""Geometries: sets of points with distances, which is all that selectors need to know.

An embedding need not be a matrix. Selectors ask a `Geometry` for distances, so that any of them
combines with any embedder.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK_ELEMENTS = 1 << 24  # distances held at once, 64 MB in float32


@runtime_checkable
class Geometry(Protocol):
    """``n`` points with distances between them."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Tensor) -> Geometry:
        """The points at ``positions``, in that order."""
        ...

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared distance of each point from the origin."""
        ...

    def squared_distances(self, other: Any) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, which has the same geometry."""
        ...


class Euclidean:
    """Rows of a matrix under the Euclidean distance.

    Args:
        x: ``n x d`` tensor of points.
    """

    def __init__(self, x: Float[Tensor, "n d"]) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, positions: Tensor) -> Euclidean:
        """The points at ``positions``, in that order."""
        return Euclidean(self.x[positions])

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared length of each row: ``n`` numbers."""
        return torch.linalg.vecdot(self.x, self.x)

    def squared_distances(self, other: Euclidean) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, an ``n x m`` tensor; never negative."""
        products = self.x @ other.x.T
        distances = self.squared_norms()[:, None] + other.squared_norms() - 2 * products
        return distances.clamp_(min=0)  # rounding can leave a small negative number


class Embeddings(NamedTuple):
    """What an embedder returns: the same representation of the pool and of the labelled set.

    Attributes:
        pool: geometry, or ``N x E`` tensor (which means `Euclidean`).
        labelled: geometry, or ``L x E`` tensor.
    """

    pool: Geometry | Tensor
    labelled: Geometry | Tensor


def as_geometry(points: Geometry | Tensor) -> Geometry:
    """A plain tensor means `Euclidean`."""
    if isinstance(points, Tensor):
        return Euclidean(points)
    return points
