"""Geometries: sets of points with distances, which is all that selectors need to know.

An embedding need not be a matrix. Selectors ask a `Geometry` for distances, so that any of them
combines with any embedder.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from alframe.ops.blocks import by_blocks

VECTOR_ELEMENTS = 1 << 27  # numbers of vectors that are built at most, 512 MB in float32
SKETCH_COLUMNS = 1024
SMALLEST_PROBABILITY = 1e-12
ROUNDINGS = 16  # of squared norms; squared distances below them are 0, as those of coinciding points


@runtime_checkable
class Geometry(Protocol):
    """``n`` points with distances between them."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Tensor | slice) -> Geometry:
        """The points at ``positions``, in that order."""
        ...

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared distance of each point from the origin."""
        ...

    def squared_distances(self, other: Any) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, which has the same geometry."""
        ...


class Vectors(NamedTuple):
    """Points as rows of a matrix, for who needs means of points.

    Attributes:
        x: ``n x d`` tensor.
        exact: whether the distances between rows are those of the geometry.
    """

    x: Tensor
    exact: bool


class Euclidean:
    """Rows of a matrix under the Euclidean distance.

    Args:
        x: ``n x d`` tensor of points.
    """

    def __init__(self, x: Float[Tensor, "n d"]) -> None:
        self.x = x
        self._norms: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, positions: Tensor | slice) -> Euclidean:
        """The points at ``positions``, in that order."""
        part = Euclidean(self.x[positions])
        part._norms = self.squared_norms()[positions]
        return part

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared length of each row: ``n`` numbers."""
        if self._norms is None:
            self._norms = torch.linalg.vecdot(self.x, self.x)
        return self._norms

    def squared_distances(self, other: Euclidean) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, an ``n x m`` tensor; never negative."""
        return _distances(self.x @ other.x.T, self.squared_norms(), other.squared_norms())

    def vectors(self, generator: torch.Generator) -> Vectors:
        """The rows themselves."""
        return Vectors(self.x, exact=True)


class OuterProduct:
    """Outer products ``a_i b_i^T`` under the Euclidean distance, kept as their factors.

    ``|a_i b_i^T - a_j b_j^T|^2 = |a_i|^2 |b_i|^2 + |a_j|^2 |b_j|^2 - 2 (a_i.a_j)(b_i.b_j)``, so the ``c d``
    columns are never built.

    Args:
        a: ``n x c`` tensor of left factors.
        b: ``n x d`` tensor of right factors.
    """

    def __init__(self, a: Float[Tensor, "n c"], b: Float[Tensor, "n d"]) -> None:
        self.a = a
        self.b = b
        self._norms: Tensor | None = None

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, positions: Tensor | slice) -> OuterProduct:
        """The points at ``positions``, in that order."""
        part = OuterProduct(self.a[positions], self.b[positions])
        part._norms = self.squared_norms()[positions]
        return part

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared Frobenius norm of each product: ``n`` numbers."""
        if self._norms is None:
            self._norms = torch.linalg.vecdot(self.a, self.a) * torch.linalg.vecdot(self.b, self.b)
        return self._norms

    def squared_distances(self, other: OuterProduct) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, an ``n x m`` tensor; never negative."""
        products = (self.a @ other.a.T).mul_(self.b @ other.b.T)
        return _distances(products, self.squared_norms(), other.squared_norms())

    def vectors(self, generator: torch.Generator) -> Vectors:
        """The products as rows of ``c d`` numbers, or a sketch of them where that is too much memory.

        Above `VECTOR_ELEMENTS` numbers in all, the rows are random features of the product kernel (Kar and
        Karnick, "Random feature maps for dot product kernels", AISTATS 2012), at most `SKETCH_COLUMNS` of
        them: ``(S a_i) * (T b_i) / sqrt(k)`` with random signs ``S`` and ``T``, whose distances are right on
        average, with a relative standard deviation of up to ``3 / sqrt(k)``.

        Args:
            generator: CPU generator of the signs.
        """
        n, c, d = len(self), self.a.shape[1], self.b.shape[1]
        if n * c * d <= VECTOR_ELEMENTS:
            return Vectors((self.a[:, :, None] * self.b[:, None, :]).reshape(n, c * d), exact=True)
        k = max(1, min(SKETCH_COLUMNS, VECTOR_ELEMENTS // n))
        left, right = (self.a @ _signs(c, k, generator, self.a), self.b @ _signs(d, k, generator, self.b))
        return Vectors(left.mul_(right).div_(math.sqrt(k)), exact=False)


class SymmetricKL:
    """Distributions compared by their symmetric Kullback-Leibler divergence, which is the squared distance.

    ``KL(p||q)/2 + KL(q||p)/2``, in nats. The origin is the uniform distribution.

    Args:
        p: ``n x c`` tensor of probabilities; the logarithm of those below 1e-12 is that of 1e-12.
    """

    def __init__(self, p: Float[Tensor, "n c"]) -> None:
        self.p = p
        self._log_p = by_blocks(lambda block: block.clamp(min=SMALLEST_PROBABILITY).log_(), p)
        self._negentropy = torch.linalg.vecdot(p, self._log_p)

    def __len__(self) -> int:
        return len(self.p)

    def __getitem__(self, positions: Tensor | slice) -> SymmetricKL:
        """The points at ``positions``, in that order."""
        part = copy.copy(self)
        part.p, part._log_p = self.p[positions], self._log_p[positions]
        part._negentropy = self._negentropy[positions]
        return part

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Divergence of each distribution from the uniform one: ``n`` numbers."""
        return (self._negentropy - self._log_p.mean(dim=1)).div_(2).clamp_(min=0)

    def squared_distances(self, other: SymmetricKL) -> Float[Tensor, "n m"]:
        """Divergence from each distribution of ``other``, an ``n x m`` tensor; never negative."""
        crossed = (self.p @ other._log_p.T).addmm_(self._log_p, other.p.T)
        sums = crossed.neg_().add_(self._negentropy[:, None]).add_(other._negentropy)
        return _without_rounding(sums.div_(2), self._negentropy.abs())

    def vectors(self, generator: torch.Generator) -> Vectors:
        """``sqrt(2 p)``: squared distances between rows are the divergence to second order (Hellinger)."""
        return Vectors((2 * self.p).sqrt_(), exact=False)


def _distances(products: Tensor, norms: Tensor, other_norms: Tensor) -> Tensor:
    """``norms + other_norms - 2 products``, in place."""
    return _without_rounding(products.mul_(-2).add_(norms[:, None]).add_(other_norms), norms)


def _without_rounding(distances: Tensor, magnitudes: Tensor) -> Tensor:
    """Sets to 0, in place, what rounding of sums of numbers of such magnitudes can't tell from 0."""
    threshold = ROUNDINGS * torch.finfo(distances.dtype).eps * magnitudes
    return distances.masked_fill_(distances <= threshold[:, None], 0)


def _signs(rows: int, columns: int, generator: torch.Generator, like: Tensor) -> Tensor:
    return (2.0 * torch.randint(2, (rows, columns), generator=generator) - 1).to(like)


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
