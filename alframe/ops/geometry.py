"""Geometries: sets of points with distances, which is all that selectors need to know.

An embedding need not be a matrix. Selectors ask a `Geometry` for distances, so that any of them
combines with any embedder.
"""

from __future__ import annotations

import abc
import copy
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from alframe.ops import lazy
from alframe.ops.blocks import by_blocks, joined, row_blocks
from alframe.ops.crew import gathered, over_rows
from alframe.ops.lazy import LazyRows
from alframe.ops.offset import SAMPLED, common_offset
from alframe.ops.rounding import resolution_of, squared_distances_of, without_rounding

VECTOR_ELEMENTS = 1 << 27  # numbers of vectors that are built at most, 512 MB in float32
SKETCH_COLUMNS = 1024
FEW_ELEMENTS = 1 << 23  # numbers of lazy rows that a part makes at once: 32 MB in float32
SMALLEST_PROBABILITY = 1e-12


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


class _OfRows(abc.ABC):
    """What geometries share whose matrices may be `LazyRows`: distances are those of rows in memory."""

    def __len__(self) -> int:
        return len(self._matrices()[0])

    def __getitem__(self, positions: Tensor | slice) -> Any:
        """The points at ``positions``, in that order; a few chosen ones are made now."""
        few = isinstance(positions, Tensor) and len(positions) * self.width <= FEW_ELEMENTS
        return self._made(positions) if few and self._lazy() else self._part(positions)

    @property
    def width(self) -> int:
        """Numbers of a point, for who cuts points into blocks."""
        return sum(rows.shape[1] for rows in self._matrices())

    @abc.abstractmethod
    def _matrices(self) -> tuple[Any, ...]:
        """What a point is a row of."""

    @abc.abstractmethod
    def _part(self, positions: Tensor | slice) -> Any:
        """The points at ``positions``, and what is known of them."""

    @abc.abstractmethod
    def _made(self, positions: Tensor | slice) -> Any:
        """The points at ``positions`` with their rows in memory, and what is known of them anew."""

    @abc.abstractmethod
    def _distances(self, other: Any) -> Tensor:
        """`squared_distances` where all rows are in memory."""

    def squared_distances(self, other: Any) -> Float[Tensor, "n m"]:
        """Squared distances to each point of ``other``, an ``n x m`` tensor; never negative."""
        is_lazy = isinstance(other, _OfRows) and other._lazy()  # others' own geometries never are
        theirs = other._made(slice(None)) if is_lazy else other
        return joined((part._distances(theirs) for part in self._parts(len(theirs))), len(self))

    def _without_what_follows(self) -> dict[str, Any]:
        """What a worker can do without, and what has to be known before it is sent there."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """For a copy or a worker: numbers as long as there are points stay behind where these are made."""
        return vars(self) | (self._without_what_follows() if self._lazy() else {})

    def in_memory(self) -> Iterator[Any]:
        """The points in parts, one after the other, whose rows are in memory while they are looked at."""
        return self._parts(0, lazy.KEPT_ELEMENTS)

    def _parts(self, width: int, elements: int | None = None) -> Iterator[Any]:
        made = self._lazy()
        if not made:
            yield self
            return
        width = max(width, sum(rows.shape[1] for rows in made))
        for block in row_blocks(len(self), width, made[0].device, elements):
            yield self._made(block)

    def _lazy(self) -> list[Any]:
        return [rows for rows in self._matrices() if isinstance(rows, LazyRows)]


class Euclidean(_OfRows):
    """Rows of a matrix under the Euclidean distance.

    What the rows have in common is taken away before distances are computed: they are as exact as the rows.

    Args:
        x: ``n x d`` tensor of points, or `LazyRows`; those of 16 bits are compared in float32.

    Attributes:
        rows: the same, which may be `LazyRows`.
    """

    def __init__(self, x: Float[Tensor, "n d"] | LazyRows) -> None:
        self.rows: Any = x if isinstance(x, Tensor) else _at_least_32_bits(x)
        self._norms: Tensor | None = None
        self._offset: tuple[Tensor | None] | None = None
        self._norms_from_offset: Tensor | None = None

    @property
    def x(self) -> Float[Tensor, "n d"]:
        """All rows in memory; of a pool in files only where they are allowed to take as much."""
        whole: Tensor = self.rows if isinstance(self.rows, Tensor) else self.rows.whole()
        return whole

    def _matrices(self) -> tuple[Any, ...]:
        return (self.rows,)

    def _part(self, positions: Tensor | slice) -> Euclidean:
        part = Euclidean(_part(self.rows, positions))
        part._norms = self.squared_norms()[positions]
        offset, norms = self._from_offset()
        part._offset, part._norms_from_offset = (offset,), norms[positions]
        return part

    def _made(self, positions: Tensor | slice) -> Euclidean:
        part = Euclidean(self.rows[positions])
        part._offset = (self._common(),)
        return part

    def _without_what_follows(self) -> dict[str, Any]:
        self._common()
        return {"_norms": None, "_norms_from_offset": None}

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared length of each row: ``n`` numbers."""
        if self._norms is None:
            self._norms = _of_rows(_squared_lengths, self.rows)
        return self._norms

    def _distances(self, other: Euclidean) -> Tensor:
        offset, norms = self._from_offset()
        if offset is None:
            return squared_distances_of(self.rows @ other.x.T, norms, other.squared_norms())
        theirs = other.x - offset
        products = by_blocks(lambda block: (block - offset) @ theirs.T, self.rows)
        return squared_distances_of(products, norms, _squared_lengths(theirs))

    def _common(self) -> Tensor | None:
        """The rows' common offset, which parts inherit."""
        if self._offset is None:
            self._offset = (_offset(self.rows),)
        return self._offset[0]

    def _from_offset(self) -> tuple[Tensor | None, Tensor]:
        """The rows' common offset, and the squared distances from there."""
        offset = self._common()
        if offset is None:
            return None, self.squared_norms()
        if self._norms_from_offset is None:
            self._norms_from_offset = _of_rows(lambda block: _squared_lengths(block - offset), self.rows)
        return offset, self._norms_from_offset

    def double(self) -> Euclidean:
        """The same points in float64."""
        return Euclidean(self.rows.double())

    def resolution(self) -> float:
        """The squared distance up to which some points can't be told from coinciding ones."""
        return resolution_of(self._from_offset()[1])

    def vectors(self, generator: torch.Generator) -> Vectors:
        """The rows themselves."""
        return Vectors(_at_least_32_bits(self.x), exact=True)


class OuterProduct(_OfRows):
    """Outer products ``a_i b_i^T`` under the Euclidean distance, kept as their factors.

    ``|a_i b_i^T - a_j b_j^T|^2 = |a_i|^2 |b_i|^2 + |a_j|^2 |b_j|^2 - 2 (a_i.a_j)(b_i.b_j)``, so the ``c d``
    columns are never built. Factors with a common offset can't be moved as rows can; theirs is computed in
    float64.

    Args:
        a: ``n x c`` tensor of left factors, or `LazyRows`; those of 16 bits are compared in float32.
        b: ``n x d`` tensor of right factors, likewise.
    """

    def __init__(self, a: Float[Tensor, "n c"] | LazyRows, b: Float[Tensor, "n d"] | LazyRows) -> None:
        self.a = _at_least_32_bits(a)
        self.b = _at_least_32_bits(b)
        self._norms: Tensor | None = None
        self._has_offset: bool | None = None

    def _matrices(self) -> tuple[Any, ...]:
        return self.a, self.b

    def _part(self, positions: Tensor | slice) -> OuterProduct:
        part = OuterProduct(_part(self.a, positions), _part(self.b, positions))
        part._norms = self.squared_norms()[positions]
        part._has_offset = self._wants_digits()
        return part

    def _made(self, positions: Tensor | slice) -> OuterProduct:
        part = OuterProduct(self.a[positions], self.b[positions])
        part._has_offset = self._wants_digits()
        return part

    def _without_what_follows(self) -> dict[str, Any]:
        self._wants_digits()
        return {"_norms": None}

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Squared Frobenius norm of each product: ``n`` numbers."""
        if self._norms is None:
            self._norms = _of_rows(_squared_lengths, self.a) * _of_rows(_squared_lengths, self.b)
        return self._norms

    def _distances(self, other: OuterProduct) -> Tensor:
        if self._wants_digits():
            return self._in_float64(other)
        products = (self.a @ other.a.T).mul_(self.b @ other.b.T)
        return squared_distances_of(products, self.squared_norms(), other.squared_norms())

    def _wants_digits(self) -> bool:
        """Whether either factor has a common offset, next to which distances are lost in 32 bits."""
        if self._has_offset is None:
            self._has_offset = any(_offset(factor) is not None for factor in (self.a, self.b))
        return self._has_offset

    def _in_float64(self, other: OuterProduct) -> Tensor:
        """The same as `_distances`, block by block with twice the digits."""
        a, b = other.a.double(), other.b.double()
        norms = _squared_lengths(a) * _squared_lengths(b)
        distances = self.squared_norms().new_empty(len(self), len(other))
        for block in row_blocks(len(self), self.a.shape[1] + self.b.shape[1] + len(other), a.device):
            left, right = self.a[block].double(), self.b[block].double()
            products = (left @ a.T).mul_(right @ b.T)
            distances[block] = squared_distances_of(
                products, _squared_lengths(left) * _squared_lengths(right), norms
            )
        return distances

    def double(self) -> OuterProduct:
        """The same points in float64."""
        return OuterProduct(self.a.double(), self.b.double())

    def resolution(self) -> float:
        """The squared distance up to which some points can't be told from coinciding ones."""
        norms = self.squared_norms()
        return resolution_of(norms.double() if self._wants_digits() else norms)

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
            a, b = self.a[:], self.b[:]
            return Vectors((a[:, :, None] * b[:, None, :]).reshape(n, c * d), exact=True)
        k = max(1, min(SKETCH_COLUMNS, VECTOR_ELEMENTS // n))
        left, right = (_sketch(rows, k, generator) for rows in self._matrices())
        return Vectors(left.mul_(right).div_(math.sqrt(k)), exact=False)


class SymmetricKL(_OfRows):
    """Distributions compared by their symmetric Kullback-Leibler divergence, which is the squared distance.

    ``KL(p||q)/2 + KL(q||p)/2 = sum (p - q) (log p - log q) / 2``, in nats. The origin is the uniform
    distribution. Where distributions are much alike, ``p`` and ``log p`` are seen from one amid them.
    Logarithms of more than `VECTOR_ELEMENTS` numbers, and those of `LazyRows`, are not kept beside ``p``, but
    made again by blocks.

    Args:
        p: ``n x c`` tensor of probabilities, or `LazyRows`; the logarithm of those below 1e-12 is that of
            1e-12.
    """

    def __init__(self, p: Float[Tensor, "n c"] | LazyRows) -> None:
        self.p = p
        self._log_p: Tensor | None = None
        self._norms: Tensor | None = None
        self._look_from(_offset(p))

    def _matrices(self) -> tuple[Any, ...]:
        return (self.p,)

    def _part(self, positions: Tensor | slice) -> SymmetricKL:
        part = copy.copy(self)
        part.p, part._own = _part(self.p, positions), self._own[positions]
        part._log_p = None if self._log_p is None else self._log_p[positions]
        part._norms = None if self._norms is None else self._norms[positions]
        return part

    def _made(self, positions: Tensor | slice) -> SymmetricKL:
        part = copy.copy(self)
        part.p = self.p[positions]
        part._look()
        return part

    def squared_norms(self) -> Float[Tensor, " n"]:
        """Divergence of each distribution from the uniform one: ``n`` numbers."""
        if self._norms is None:
            self._norms = self._divergences_from_uniform().div_(2).clamp_(min=0)
        return self._norms

    def _divergences_from_uniform(self) -> Tensor:
        if self._amid is None:
            return self._own - self._of_logs(lambda p, log_p: log_p.mean(dim=1))
        uniform = torch.full_like(self._amid, 1 / self.p.shape[1])
        return _of_rows(lambda p: torch.linalg.vecdot(p - uniform, _log_ratio(p, uniform)), self.p)

    def _distances(self, other: SymmetricKL) -> Tensor:
        if other._amid is not self._amid:
            other = copy.copy(other)
            other._look_from(self._amid)
        if other._log_p is None:  # for all blocks of points that are compared with the same centres
            other._log_p = other._logs()
        theirs, their_logs = other._moved(other.p[:]).T, other._log_p.T
        crossed = self._of_logs(lambda p, log_p: (self._moved(p) @ their_logs).addmm_(log_p, theirs))
        sums = crossed.neg_().add_(self._own[:, None]).add_(other._own)
        return without_rounding(sums.div_(2), self._own.abs())

    def _look_from(self, amid: Tensor | None) -> None:
        """Sees ``p`` and ``log p`` from those of a distribution, or as they are."""
        self._amid = None if amid is None else amid.clamp(min=SMALLEST_PROBABILITY)
        self._look()

    def _look(self) -> None:
        """What is known of the distributions, as they are seen."""
        keeps_logs = isinstance(self.p, Tensor) and self.p.numel() <= VECTOR_ELEMENTS
        self._log_p = self._logs() if keeps_logs else None
        self._norms = None
        self._own = self._of_logs(lambda p, log_p: torch.linalg.vecdot(self._moved(p), log_p))

    def _logs(self) -> Tensor:
        return _of_rows(lambda block: _log_ratio(block, self._amid), self.p)

    def _of_logs(self, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """``function(p, log p)``, block by block."""

        def parts() -> Iterator[Tensor]:
            for block in row_blocks(len(self), self.p.shape[1], self.p.device):
                p = self.p[block]
                yield function(p, _log_ratio(p, self._amid) if self._log_p is None else self._log_p[block])

        return joined(parts(), len(self))

    def _moved(self, p: Tensor) -> Tensor:
        return p if self._amid is None else p - self._amid

    def double(self) -> SymmetricKL:
        """The same points in float64."""
        return SymmetricKL(self.p.double())

    def resolution(self) -> float:
        """The divergence up to which some distributions can't be told from equal ones."""
        return resolution_of(self._own.abs())

    def vectors(self, generator: torch.Generator) -> Vectors:
        """``sqrt(2 p)``: squared distances between rows are the divergence to second order (Hellinger)."""
        return Vectors(_of_rows(lambda p: (2 * _at_least_32_bits(p)).sqrt_(), self.p), exact=False)


def _part(rows: Tensor | LazyRows, positions: Tensor | slice) -> Tensor | LazyRows:
    return rows.part(positions) if isinstance(rows, LazyRows) else rows[positions]


def _of_rows(function: Callable[[Tensor], Tensor], rows: Tensor | LazyRows) -> Tensor:
    """``function(rows)``, computed block by block; each row on its own."""
    blocks = row_blocks(len(rows), rows.shape[1], rows.device)
    return gathered(
        over_rows(_of_block, rows, function, blocks, spread=isinstance(rows, LazyRows)), len(rows)
    )


def _of_block(rows: Any, function: Callable[[Tensor], Tensor], block: slice) -> Tensor:
    return function(rows[block])


def _offset(rows: Tensor | LazyRows) -> Tensor | None:
    return common_offset(rows if isinstance(rows, Tensor) else rows[:: max(1, -(-len(rows) // SAMPLED))])


def _squared_lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(_at_least_32_bits(rows), dim=1).square_()  # vecdot copies the rows


def _at_least_32_bits(rows: Any) -> Any:
    return rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows


def _log_ratio(p: Tensor, amid: Tensor | None) -> Tensor:
    """``log p - log amid``, exact also where the two are all but equal; ``log p`` without ``amid``."""
    if amid is None:
        return p.clamp(min=SMALLEST_PROBABILITY).log_()
    p = p.to(amid.dtype).clamp(min=SMALLEST_PROBABILITY)
    ratio = (p - amid).div_(amid)
    return torch.where(ratio.abs() < 0.5, ratio.log1p(), p.div_(amid).log_())


def _sketch(rows: Tensor | LazyRows, columns: int, generator: torch.Generator) -> Tensor:
    """Random sums of the columns, each with its signs."""
    signs = 2.0 * torch.randint(2, (rows.shape[1], columns), generator=generator) - 1
    signs = signs.to(rows.device, rows.dtype)
    return rows @ signs if isinstance(rows, Tensor) else _of_rows(lambda block: block @ signs, rows)


class Embeddings(NamedTuple):
    """What an embedder returns: the same representation of the pool and of the labelled set.

    Attributes:
        pool: geometry, or ``N x E`` tensor (which means `Euclidean`).
        labelled: geometry, or ``L x E`` tensor.
    """

    pool: Geometry | Tensor
    labelled: Geometry | Tensor


def in_memory(points: Geometry) -> Iterator[Geometry]:
    """The points in parts whose rows are in memory; all at once where they are kept, or never made."""
    return points.in_memory() if isinstance(points, _OfRows) else iter([points])


def made(points: Geometry, rows: slice) -> Geometry:
    """A block of points with their rows in memory, of which nothing is looked up that can be made of them."""
    if isinstance(points, _OfRows) and points._lazy():
        return points._made(rows)
    return points[rows]


def is_made(points: Geometry) -> bool:
    """Whether points are made of their rows, or read, for each look at them."""
    return isinstance(points, _OfRows) and bool(points._lazy())


def as_geometry(points: Geometry | Tensor) -> Geometry:
    """A plain tensor means `Euclidean`."""
    if isinstance(points, Tensor):
        return Euclidean(points)
    return points
