"""What the forms of BAIT share: the information and its inverse, and what is rounding."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

TIE = 1e-10  # of the best score: rows that are equal differ by rounding, and by less
FALLEN = 1e-4  # of a row's number when last computed from its definition: below, rounding may show
SMALLEST = 1e-12  # of what is 1 - a in a removal: less is rounding
REFRESHED = 256  # picks after which the inverse is computed from its definition again


class Information:
    """The information ``M`` of the rows chosen so far, and ``P = M^-1``, in float64.

    Args:
        matrix: ``d x d`` tensor ``M``, positive definite; changed in place.
        least: no eigenvalue of ``M`` is below; rounding of a matrix of large numbers may lose it.

    Attributes:
        inverse: ``d x d`` tensor ``P``.
    """

    def __init__(self, matrix: Float[Tensor, "d d"], least: float) -> None:
        self._matrix = matrix
        self._least = least
        self.invert()

    def invert(self) -> Float[Tensor, "d d"]:
        """Computes ``P`` from its definition.

        Returns:
            ``R`` with ``R^T R = P``.
        """
        factor = self._factor()
        self.inverse = factor.T @ factor
        self._since = 0
        return factor

    def change(self, v: Float[Tensor, "r d"], w: Float[Tensor, "r d"], sign: int, picks: int) -> None:
        """Adds ``sign v^T v`` to ``M``.

        Args:
            v: ``r`` rows.
            w: rows of which ``-sign w^T w`` is what that adds to ``P``.
            sign: 1 or -1.
            picks: how many picks or removals this is.
        """
        self._matrix.addmm_(v.T, v, alpha=sign)
        self._since += picks
        if self._since >= REFRESHED:
            self.invert()
        else:
            self.inverse.addmm_(w.T, w, alpha=-sign)

    def _factor(self) -> Tensor:
        lower, failed = torch.linalg.cholesky_ex(self._matrix)
        if not failed:
            unit = torch.eye(len(lower), dtype=lower.dtype, device=lower.device)
            return torch.linalg.solve_triangular(lower, unit, upper=False)
        values, vectors = torch.linalg.eigh(self._matrix)
        return vectors.T / values.clamp(min=self._least).sqrt()[:, None]
