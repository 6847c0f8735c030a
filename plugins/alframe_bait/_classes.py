"""The likelihood of all classes, or of the likeliest: information as small blocks, one a sample.

Ash et al., NeurIPS 2021, arXiv 2106.09675; top-c by Huseljic et al., ECML-PKDD 2024, arXiv 2404.08981.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe import UsageError
from alframe.ops import row_blocks
from alframe_bait._blocks import BlockGreedy
from alframe_bait._shared import Information

MATRICES = 8  # of ``CD x CD`` numbers that are held at once
NUMBER = 8  # bytes
MOST_BYTES = 8 << 30  # that are used; 8 GiB


def check_memory(rows: int, classes: int, width: int, r: int) -> None:
    """Refuses a search that would hold more than `MOST_BYTES`.

    Args:
        rows: of the pool.
        classes: ``C``.
        width: ``D``, number of features.
        r: classes whose information counts.

    Raises:
        UsageError: with the likelihood that needs less.
    """
    needed = NUMBER * (MATRICES * (classes * width) ** 2 + rows * (6 * r * r + 2 * r + classes))
    if needed > MOST_BYTES:
        raise UsageError(
            f"bait: {rows:,} samples of {classes:,} classes and {width:,} features need "
            f"{needed / 2**30:,.0f} GiB, and at most {MOST_BYTES >> 30} are used: set bait.likelihood=binary"
        )


class ClassRows:
    """Rows ``V_i = R_i (x) z_i``, where ``R_i`` has the ``r`` columns ``sqrt(q_j) (e_j - p)``.

    The classes ``j`` are the ``r`` likeliest ones and ``q`` is ``p`` renormalised over them. With all classes
    ``R R^T = diag p - p p^T``.

    Args:
        z: ``n x d`` features.
        p: ``n x c`` probabilities in float64.
        top: ``n x r`` classes.
        weights: ``n x r`` numbers, ``sqrt(q)``.
    """

    def __init__(
        self,
        z: Float[Tensor, "n d"],
        p: Float[Tensor, "n c"],
        top: Int64[Tensor, "n r"],
        weights: Float[Tensor, "n r"],
    ) -> None:
        self.z, self.p, self.top, self.weights = z, p, top, weights

    @classmethod
    def likeliest(cls, z: Float[Tensor, "n d"], logits: Float[Tensor, "n c"], r: int) -> ClassRows:
        """Rows of the ``r`` likeliest classes; of all where there are no more."""
        p = logits.double().softmax(dim=1)
        values, top = p.topk(min(r, p.shape[1]), dim=1)
        return cls(z, p, top, (values / values.sum(dim=1, keepdim=True)).sqrt())

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, positions: Tensor | slice) -> ClassRows:
        """The rows at ``positions``, in that order."""
        parts = (part[positions] for part in (self.z, self.p, self.top, self.weights))
        return ClassRows(*parts)

    def scaled(self, factor: float) -> ClassRows:
        """The same with all ``V`` times a factor."""
        return ClassRows(self.z, self.p, self.top, factor * self.weights)

    def columns(self) -> Float[Tensor, "n c r"]:
        """``R`` of each row."""
        unit = torch.zeros_like(self.p)[:, :, None].repeat(1, 1, self.top.shape[1])
        unit.scatter_(1, self.top[:, None], 1.0)
        return (unit - self.p[:, :, None]) * self.weights[:, None]

    def projected(self, x: Float[Tensor, "n c k"]) -> Float[Tensor, "n r k"]:
        """``R^T x`` of each row."""
        chosen = x.gather(1, self.top[:, :, None].expand(-1, -1, x.shape[2]))
        return (chosen - self.p[:, None] @ x) * self.weights[:, :, None]

    def information(self) -> Float[Tensor, "cd cd"]:
        """The sum of ``V V^T``, in float64; classes one after the other, the features of one together."""
        classes, width = self.p.shape[1], self.z.shape[1]
        total = self.p.new_zeros(classes, width, classes * width)
        for block in row_blocks(len(self), classes * (width + 3 * classes), self.z.device):
            rows = self[block]
            z, columns = rows.z.double(), rows.columns()
            among = columns @ columns.mT
            for c in range(classes):  # and the classes up to it: the sum is symmetric
                others = (among[:, c, : c + 1, None] * z[:, None]).flatten(1)
                total[c, :, : (c + 1) * width].addmm_(z.T, others)
        return _mirrored(total.flatten(0, 1))

    def quadratic(self, matrix: Float[Tensor, "cd cd"]) -> Float[Tensor, "n r r"]:
        """``V^T M V`` of each row, for a symmetric ``M``."""
        classes, width = self.p.shape[1], self.z.shape[1]
        r = self.top.shape[1]
        whole = self.p.new_empty(len(self), r, r)
        for block in row_blocks(len(self), classes * (width + 3 * classes), self.z.device):
            rows = self[block]
            z, among = rows.z.double(), torch.zeros_like(rows.p)[:, :, None].repeat(1, 1, classes)
            for c, part in enumerate(matrix.view(classes, width, -1)):
                products = (z @ part[:, : (c + 1) * width]).view(len(z), c + 1, width)
                among[:, c, : c + 1] = (products * z[:, None]).sum(dim=2)
            whole[block] = rows.projected(rows.projected(_mirrored(among)).mT)
        return whole

    def greedy(self, information: Information, fisher: Tensor, ranks: Tensor, sign: int) -> BlockGreedy:
        """A search among these rows; see `BlockGreedy`."""
        return BlockGreedy(self, information, fisher, ranks, sign)


def _mirrored(lower: Tensor) -> Tensor:
    """Symmetric matrices of which what is above the diagonal is not looked at."""
    return lower.tril() + lower.tril(-1).mT
