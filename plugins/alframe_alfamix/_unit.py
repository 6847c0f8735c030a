"""Unit-length features, scaled where they are looked at, so that a part of the pool needs no second pool."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Euclidean, Vectors
from alframe.ops import LazyRows, by_blocks


class UnitLength:
    """Rows of a matrix at unit length under the Euclidean distance; a row of zeros stays one.

    Single points are scaled on their own. Who asks for distances, slices or all vectors has all points scaled
    and kept. Rows in files are read and scaled for each look at them.

    Args:
        features: ``n x d`` tensor, or rows in files.
    """

    def __init__(self, features: Float[Tensor, "n d"] | LazyRows) -> None:
        self._features = features
        self._norms: Tensor | None = None
        self._scaled: Euclidean | None = None

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, positions: Tensor | slice) -> Euclidean:
        """The points at ``positions``, in that order."""
        if isinstance(positions, slice) or self._scaled is not None:
            return self._whole()[positions]
        if isinstance(self._features, LazyRows):
            rows = self._features.within_memory(positions)
            if isinstance(rows, LazyRows):
                return Euclidean(_scaled(rows))
        else:
            rows = self._features[positions]
        return Euclidean(normalize(rows, out=rows))

    def squared_norms(self) -> Float[Tensor, " n"]:
        """1 for each row, or 0 for one of zeros, as far as rounding allows: ``n`` numbers."""
        if self._norms is None:
            self._norms = by_blocks(lambda rows: Euclidean(normalize(rows)).squared_norms(), self._features)
        return self._norms

    def squared_distances(self, other: UnitLength | Euclidean) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, an ``n x m`` tensor; never negative."""
        return self._whole().squared_distances(other._whole() if isinstance(other, UnitLength) else other)

    @property
    def x(self) -> Float[Tensor, "n d"]:
        """The rows: parts, which are `Euclidean`, compare themselves with these."""
        return self._whole().x

    def double(self) -> Euclidean:
        """The same points in float64."""
        return self._whole().double()

    def resolution(self) -> float:
        """The squared distance up to which some points can't be told from coinciding ones."""
        return self._whole().resolution()

    def vectors(self, generator: torch.Generator) -> Vectors:
        """The rows themselves."""
        return self._whole().vectors(generator)

    def _whole(self) -> Euclidean:
        if self._scaled is None:
            self._scaled = Euclidean(_scaled(self._features))
        return self._scaled


def _scaled(rows: Tensor | LazyRows) -> Tensor | LazyRows:
    if isinstance(rows, Tensor):
        return normalize(rows)
    return rows.each(normalize)
