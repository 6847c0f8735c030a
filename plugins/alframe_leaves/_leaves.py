"""A geometry of leaves."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alframe import Embeddings, LabelledView, PoolView, UsageError, Vectors

MOST_NUMBERS = 1 << 27  # of vectors that are built, 512 MB in float32
SKETCHED = 1024  # columns of vectors where those would be more


class Leaves:
    """Samples as sets of leaves, one of each tree: the corners of a simplex for each tree.

    Args:
        leaves: ``n x T`` numbers of leaves, of which no two trees have the same.
        count: how many leaves there are.
    """

    def __init__(self, leaves: Int[Tensor, "n t"], count: int) -> None:
        self.leaves = leaves
        self.count = count

    def __len__(self) -> int:
        return len(self.leaves)

    def __getitem__(self, positions: Tensor | slice) -> Leaves:
        """The samples at ``positions``, in that order."""
        return Leaves(self.leaves[positions], self.count)

    def squared_norms(self) -> Float[Tensor, " n"]:
        """1 of each."""
        return torch.ones(len(self), device=self.leaves.device)

    def squared_distances(self, other: Leaves) -> Float[Tensor, "n m"]:
        """``2 (1 - share of the trees that have both in one leaf)``: an ``n x m`` tensor."""
        together = torch.zeros(len(self), len(other), device=self.leaves.device)
        for mine, theirs in zip(self.leaves.T, other.leaves.T, strict=True):
            together += mine[:, None] == theirs
        return 2 - together.mul_(2 / self.leaves.shape[1])

    def vectors(self, generator: torch.Generator) -> Vectors:
        """A column a leaf, or a sketch of those where they are too much memory.

        A sketch sums the columns by random signs into 1,024, the same for all samples: inner products are
        right on average (Charikar et al., "Finding frequent items in data streams", 2004).

        Args:
            generator: not drawn from: pool and labelled set have the same signs.
        """
        size = len(self) * self.count
        columns = self.count if size <= MOST_NUMBERS else min(SKETCHED, self.count)
        places, signs = self.leaves, torch.ones(self.count)
        if columns < self.count:
            fixed = torch.Generator().manual_seed(self.count)
            placed = torch.randint(columns, (self.count,), generator=fixed).to(self.leaves.device)
            places, signs = placed[self.leaves], 2.0 * torch.randint(2, (self.count,), generator=fixed) - 1
        values = signs.to(self.leaves.device)[self.leaves] / self.leaves.shape[1] ** 0.5
        x = torch.zeros(len(self), columns, device=self.leaves.device)
        return Vectors(x.scatter_add_(1, places, values), exact=columns == self.count)


def embed(pool: PoolView, labelled: LabelledView, model: Any) -> Embeddings:
    """Pool and labelled set by the leaves of the model's trees.

    Raises:
        UsageError: there is no model of trees.
    """
    if not hasattr(getattr(model, "head", None), "leaves"):
        raise UsageError(
            "leaves needs a model of trees: pass a fitted forest or boosted trees of XGBoost or LightGBM as "
            "head=, or use alframe.ActiveLearner or `alframe run` with one"
        )
    both = numbered(model.head.leaves(torch.cat([pool.features, labelled.features])))
    count = int(both.max()) + 1 if both.numel() else 0
    return Embeddings(*(Leaves(part, count) for part in both.split([len(pool), len(labelled)])))


def numbered(leaves: Int[Tensor, "n t"]) -> Int[Tensor, "n t"]:
    """The same with numbers from 0 without gaps, of which no two trees have the same."""
    found, first = torch.empty_like(leaves), 0
    for tree, column in enumerate(leaves.T):
        known, found[:, tree] = column.unique(return_inverse=True)
        found[:, tree] += first
        first += len(known)
    return found
