"""Average-linkage clustering without a matrix of distances: exact, in memory linear in the number of rows.

The mean squared distance between the rows of two clusters follows from their means alone,
``|c_A - c_B|^2 + v_A + v_B`` with ``v`` the mean squared distance to the own mean; so a cluster is one row.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe.ops.blocks import by_blocks, rows_per_block
from alframe.ops.offset import common_offset

FEWEST, MOST = 16, 256  # clusters that look for their nearest at once: as many as it is worth
ELEMENTS = 1 << 22  # distances held at once
SHARE_LEFT = 0.75  # of the rows that are kept, clusters; below, what was merged is dropped


@dataclasses.dataclass(frozen=True, eq=False)
class Linkage:
    """The merges that lead from ``n`` rows to one cluster, as `scipy.cluster.hierarchy.linkage` numbers them.

    Attributes:
        merges: ``(n - 1) x 2`` numbers of clusters: rows are 0 to ``n - 1``, and merge ``i`` makes ``n + i``.
        heights: how far each merge's clusters are from each other, ascending.
    """

    merges: Int64[Tensor, "m 2"]
    heights: Float[Tensor, " m"]

    def cut(self, k: int) -> Int64[Tensor, " n"]:
        """The cluster of each row where all merges but the last are made, so that there are ``k`` clusters.

        Args:
            k: at least 1 and at most ``n``.

        Returns:
            ``n`` numbers from 0 to ``k - 1``, in the order of the clusters' first rows.
        """
        n = len(self.merges) + 1
        made = self.merges[: n - k].tolist()
        of = list(range(n + len(made)))
        for number in range(len(made) - 1, -1, -1):  # the last first: its name is handed down
            left, right = made[number]
            of[left] = of[right] = of[n + number]
        names: dict[int, int] = {}
        labels = [names.setdefault(name, len(names)) for name in of[:n]]
        return torch.tensor(labels, device=self.merges.device)


def average_linkage(x: Float[Tensor, "n d"]) -> Linkage:
    """Merges again and again the two clusters whose rows are nearest to each other in mean squared distance.

    Of unit-length rows that is twice the mean cosine distance. A merge never brings clusters nearer to a
    third one than both were (average linkage is reducible, Bruynooghe 1978). So two clusters that are each
    other's nearest are merged whatever else is; a cluster's nearest stays so until it is merged; and the
    distance to it is a lower bound then. Only clusters with the least bounds look for their nearest again,
    many at once, which is a matrix product.

    Args:
        x: ``n x d`` tensor of rows, at least one.

    Returns:
        All merges: in float64 those of scipy, up to the order of equal heights. Memory: a copy of the rows, a
        few numbers for each, and a block of distances.

    Example:
        >>> found = average_linkage(torch.tensor([[0.0], [1.0], [5.0], [6.5]]))
        >>> found.merges.tolist(), found.cut(2).tolist()
        ([[0, 1], [2, 3], [4, 5]], [0, 0, 1, 1])
    """
    x = x if x.dtype == torch.float64 else x.float()
    offset = common_offset(x)
    with torch.no_grad():
        clusters = _Clusters(x.clone() if offset is None else x - offset)
        clusters.merge_copies()
        most = clusters.left
        while clusters.left > 1:
            clusters.look(most)
            most = min(max(FEWEST, 4 * clusters.merge()), MOST)  # a merge costs about four looks
        return clusters.linkage()


class _Clusters:
    """What is not merged yet.

    Args:
        means: ``n x d`` tensor of rows, which is overwritten.

    Attributes:
        left: number of clusters.
    """

    def __init__(self, means: Float[Tensor, "n d"]) -> None:
        n, device = len(means), means.device
        self.left = self._n = n
        self._means = means
        self._squares = by_blocks(lambda rows: rows.square().sum(dim=1), means)  # mean |x|^2; inf: no cluster
        self._sizes = torch.ones_like(self._squares)
        self._names = torch.arange(n, device=device)
        self._bounds = torch.zeros_like(self._squares)  # of the distance to the nearest; inf: no cluster
        self._nearest = torch.zeros_like(self._names)
        self._is_known = torch.zeros_like(self._names, dtype=torch.bool)
        self._merges: list[Tensor] = []
        self._heights: list[Tensor] = []

    def merge_copies(self) -> None:
        """Merges rows that are equal; one after the other, they would be each other's nearest too often."""
        direction = torch.arange(1, self._means.shape[1] + 1, device=self._means.device).double().sin()
        order = by_blocks(lambda rows: rows.double() @ direction, self._means).argsort(stable=True)
        size = rows_per_block(self._means.shape[1], order.device)
        same = [order.new_zeros(0, dtype=torch.bool)]
        for before, after in zip(order[:-1].split(size), order[1:].split(size), strict=True):
            same.append((self._means[before] == self._means[after]).all(dim=1))
        is_copy = torch.cat(same)
        while bool(is_copy.any()):  # halves each run of copies
            run = torch.cat([is_copy.new_zeros(1), is_copy]).logical_not().cumsum(0)
            place = torch.arange(len(run), device=run.device)
            first = torch.full_like(run, len(run)).scatter_reduce_(0, run, place, "amin")[run]
            left = (is_copy & ((place - first)[:-1] % 2 == 0)).nonzero()[:, 0]
            self._join(order[left], order[left + 1], torch.zeros_like(self._squares[left]))
            stays = torch.ones_like(run, dtype=torch.bool).index_fill_(0, left + 1, False)
            order, run = order[stays], run[stays]
            is_copy = run[1:] == run[:-1]
        self._drop()

    def look(self, most: int) -> None:
        """Finds the nearest of clusters that don't know theirs, of so many with the least bounds."""
        lost = (~self._is_known & (self._bounds < torch.inf)).nonzero()[:, 0]
        if len(lost) > most:
            lost = lost[self._bounds[lost].topk(most, largest=False, sorted=False).indices]
        for some in lost.split(rows_per_block(len(self._means), lost.device, ELEMENTS)):
            distances = torch.addmm(self._squares, self._means[some], self._means.T, alpha=-2)
            distances.scatter_(1, some[:, None], torch.inf)
            least, self._nearest[some] = distances.min(dim=1)
            self._bounds[some] = least.add_(self._squares[some]).clamp_(min=0)
        self._is_known[lost] = True

    def merge(self) -> int:
        """Merges all pairs of clusters that are each other's nearest; how many."""
        place, nearest = torch.arange(len(self._nearest), device=self._nearest.device), self._nearest
        known = self._is_known
        mutual = known & known[nearest] & (nearest[nearest] == place) & (place < nearest)
        left = mutual.nonzero()[:, 0]
        if not len(left):  # by rounding a circle of equal distances has no such pair; the least of all is one
            first = self._bounds.argmin(keepdim=True)
            left = first[known[first]]
        right, merged = nearest[left], torch.zeros_like(known)
        self._join(left, right, self._bounds[left])
        merged[left], merged[right] = True, True
        self._is_known &= ~merged & ~merged[nearest]
        if self.left < SHARE_LEFT * len(self._means):
            self._drop()
        return len(left)

    def _join(self, left: Int64[Tensor, " m"], right: Int64[Tensor, " m"], heights: Tensor) -> None:
        """Puts clusters in the places of their left halves, whose bounds hold for them."""
        sizes = self._sizes[left] + self._sizes[right]
        share = self._sizes[right] / sizes
        for part in torch.arange(len(left)).split(rows_per_block(self._means.shape[1], left.device)):
            ours, theirs = left[part], right[part]
            self._means[ours] = self._means[ours].lerp_(self._means[theirs], share[part, None])
        self._squares[left] = self._squares[left].lerp(self._squares[right], share)
        self._sizes[left] = sizes
        self._squares[right] = self._bounds[right] = torch.inf
        self._merges.append(torch.stack([self._names[left], self._names[right]], dim=1))
        self._heights.append(heights)
        first = 2 * self._n - self.left
        self._names[left] = torch.arange(first, first + len(left), device=left.device)
        self.left -= len(left)

    def _drop(self) -> None:
        """Forgets what was merged into another place."""
        stays: Bool[Tensor, " s"] = self._bounds < torch.inf
        self._nearest = (stays.cumsum(0) - 1)[self._nearest][stays]
        self._means, self._squares, self._sizes = (
            part[stays] for part in (self._means, self._squares, self._sizes)
        )
        self._names, self._bounds, self._is_known = (
            part[stays] for part in (self._names, self._bounds, self._is_known)
        )

    def linkage(self) -> Linkage:
        """All merges in the order of their heights."""
        if not self._merges:
            return Linkage(self._names[:0].view(0, 2), self._bounds[:0])
        merges, heights, n = torch.cat(self._merges), torch.cat(self._heights), self._n
        rising = heights.tolist()
        for number, pair in enumerate(merges.tolist()):  # by rounding one may lie below its parts
            rising[number] = max(rising[number], *(rising[part - n] for part in pair if part >= n), 0.0)
        heights = heights.new_tensor(rising)
        order = heights.argsort(stable=True)
        names = torch.arange(2 * n - 1, device=order.device)
        names[n + order] = torch.arange(n, 2 * n - 1, device=order.device)
        return Linkage(names[merges[order]].sort(dim=1).values, heights[order])
