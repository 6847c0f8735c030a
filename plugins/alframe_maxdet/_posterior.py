"""Variances and covariances of a Gaussian process given the points that were observed.

Holzmueller et al., JMLR 24 (2023), arXiv 2203.09410, section 4.2: the kernel is the inner product of the
points, or what their distances make of it.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe import Euclidean, Geometry, SymmetricKL, UsageError
from alframe.ops import LazyRows, row_blocks

WIDEST = 4096  # features; their matrix is 128 MB
MOST_BYTES = 4 << 30  # of columns that are kept; 4 GiB
NUMBER = 8  # bytes


@runtime_checkable
class Posterior(Protocol):
    """What is known of ``N`` points after some were observed, in float64.

    Attributes:
        noise: variance of the noise of an observation.
        variances: ``N`` variances, those of the noise included.
    """

    noise: float
    variances: Tensor

    def covariances(self, positions: Tensor) -> Tensor:
        """Of some points with each other, without noise: ``m x m``."""
        ...

    def observe(self, positions: Tensor) -> None:
        """Lowers the variances by what an observation of some points says of all."""
        ...


def posterior(
    points: Geometry, centres: Geometry, n: int, noise: float, generator: torch.Generator
) -> Posterior:
    """What is known of the points once the centres were observed.

    Args:
        points: ``N`` points of any geometry, at least one.
        centres: the labelled points, of the same geometry; there may be none.
        n: how many points will be observed at most.
        noise: share of the mean squared norm of the points.
        generator: CPU generator, for vectors that need one.

    Raises:
        UsageError: the points are no features, or too wide ones, and the columns take too much memory.
    """
    if isinstance(points, SymmetricKL) and isinstance(centres, SymmetricKL):
        points, centres = (Euclidean(part.vectors(generator).x) for part in (points, centres))
    level = float(points.squared_norms().mean(dtype=torch.float64))
    noise *= level if level > 0 else 1.0
    rows, observed = points[slice(None)], centres[slice(None)]  # parts of unit-length features are rows
    if isinstance(rows, Euclidean) and isinstance(observed, Euclidean) and rows.width <= WIDEST:
        return FeaturePosterior(rows.rows, observed.x, noise)
    return KernelPosterior(points, centres, n, noise)


class FeaturePosterior:
    """By the features: ``k(i, j) = noise z_i.P z_j`` with ``P = (noise I + sum_observed z z^T)^-1``.

    Args:
        x: ``N x D`` tensor, or `LazyRows`, which each block of picks reads once.
        observed: ``L x D`` tensor.
        noise: variance.
    """

    def __init__(
        self, x: Float[Tensor, "n d"] | LazyRows, observed: Float[Tensor, "l d"], noise: float
    ) -> None:
        self.noise, self._x = noise, x
        precision = torch.eye(x.shape[1], dtype=torch.float64, device=x.device) * noise
        for block in row_blocks(len(observed), x.shape[1], x.device):
            z = observed[block].double()
            precision.addmm_(z.T, z)
        root = inverse_root(precision, noise)
        self._inverse = root.T @ root
        self.variances = noise + noise * self._squared_lengths(root)

    def covariances(self, positions: Int64[Tensor, " m"]) -> Float[Tensor, "m m"]:
        """Of some points with each other, without noise."""
        z = self._x[positions].double()
        return self.noise * (z @ self._inverse @ z.T)

    def observe(self, positions: Int64[Tensor, " m"]) -> None:
        """Lowers the variances by what an observation of some points says of all."""
        z = self._x[positions].double()
        w = inverse_root(_with_noise(self.covariances(positions), self.noise), self.noise) @ z @ self._inverse
        self._inverse.addmm_(w.T, w, alpha=-self.noise)
        self.variances -= self.noise**2 * self._squared_lengths(w)

    def _squared_lengths(self, w: Tensor) -> Tensor:
        """``|W z|^2`` of each row."""
        lengths = w.new_empty(len(self._x))
        for block in row_blocks(len(self._x), self._x.shape[1] + len(w), w.device):
            lengths[block] = (self._x[block].double() @ w.T).square_().sum(dim=1)
        return lengths


class KernelPosterior:
    """By columns of the kernel matrix, for any geometry: ``k(i, j) = (|i|^2 + |j|^2 - |i - j|^2) / 2``.

    Each observed point has a column of the Cholesky factor, ``N`` numbers, which are kept.

    Args:
        points: ``N`` points.
        centres: the observed ones; there may be none.
        n: how many more will be observed at most.
        noise: variance.

    Raises:
        UsageError: the columns would take more than `MOST_BYTES`.
    """

    def __init__(self, points: Any, centres: Any, n: int, noise: float) -> None:
        columns = len(centres) + n
        if (needed := NUMBER * len(points) * columns) > MOST_BYTES:
            raise UsageError(
                f"maxdet: {len(points):,} points of such an embedding with {columns:,} labelled ones and "
                f"picks need {needed / 2**30:,.1f} GiB, and at most {MOST_BYTES >> 30} are used: take "
                f"features of at most {WIDEST:,} columns (--embed default), or fewer points"
            )
        self.noise = noise
        self._points = _with_digits(points)
        self._norms = self._points.squared_norms().double()
        self._columns = self._norms.new_empty(columns, len(points))
        self._known = 0
        self.variances = self._norms + noise
        if len(centres):
            centres = _with_digits(centres)
            among = _kernel(centres, centres).double()
            self._add(centres, inverse_root(_with_noise(among, noise), noise), None)

    def covariances(self, positions: Int64[Tensor, " m"]) -> Float[Tensor, "m m"]:
        """Of some points with each other, without noise."""
        some, known = self._points[positions], self._columns[: self._known, positions]
        return _kernel(some, some).double() - known.T @ known

    def observe(self, positions: Int64[Tensor, " m"]) -> None:
        """Lowers the variances by what an observation of some points says of all."""
        root = inverse_root(_with_noise(self.covariances(positions), self.noise), self.noise)
        self._add(self._points[positions], root, self._columns[: self._known, positions])

    def _add(self, observed: Any, root: Tensor, known: Tensor | None) -> None:
        """Columns of some points, given what is known of them."""
        stop = self._known + len(root)
        for block in row_blocks(len(self._points), len(root) + self._known, root.device):
            kernel = _kernel(observed, self._points[block]).double()
            if known is not None:
                kernel -= known.T @ self._columns[: self._known, block]
            self._columns[self._known : stop, block] = root @ kernel
            self.variances[block] -= self._columns[self._known : stop, block].square().sum(dim=0)
        self._known = stop


def inverse_root(matrix: Float[Tensor, "m m"], least: float) -> Float[Tensor, "m m"]:
    """``A`` with ``A^T A = M^-1``.

    Args:
        matrix: symmetric; eigenvalues below the least one are as that.
        least: what the eigenvalues of a covariance with noise are at least.
    """
    lower, failed = torch.linalg.cholesky_ex(matrix)
    if not failed:
        unit = torch.eye(len(lower), dtype=lower.dtype, device=lower.device)
        return torch.linalg.solve_triangular(lower, unit, upper=False)
    values, vectors = torch.linalg.eigh(matrix)
    return vectors.T / values.clamp(min=least).sqrt()[:, None]


def _with_noise(covariances: Tensor, noise: float) -> Tensor:
    covariances.diagonal().add_(noise)
    return covariances


def _with_digits(points: Any) -> Any:
    """In float64 where the geometry can."""
    return points.double() if hasattr(points, "double") else points


def _kernel(some: Any, others: Any) -> Tensor:
    """Inner products as distances have them: ``m x n``."""
    distances = others.squared_distances(some).T
    return (some.squared_norms()[:, None] + others.squared_norms() - distances) / 2
