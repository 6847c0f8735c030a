"""Greedy coverage that goes on where the last query ended, as long as the rows are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe.ops.cover import Cover, ranks_of
from alframe.ops.gains import Gains, covered_by, with_digits
from alframe.ops.geometry import Euclidean
from alframe.ops.kernels import Kernel
from alframe.ops.lazy import LazyRows

Rows = tuple[Float[Tensor, "_ _"] | LazyRows, Int64[Tensor, " _"]]


def cover_onward(
    points: Rows,
    centres: Rows,
    n: int,
    generator: torch.Generator,
    *,
    kernel: Kernel,
    state: MutableMapping[str, Any],
    cache: MutableMapping[str, Any],
) -> Cover:
    """The picks of `cover_greedy` on unit-length rows, for queries one after the other on the same rows.

    What each row adds is summed over all pairs where this begins, and every later centre or pick lowers it
    by its own. ``state`` says with how many centres it began; with more that nobody picked it begins anew.
    The sums are kept in ``cache``. Where they are lost, they are made again and the centres cover one after
    the other: the same operations on the same numbers, so picks are the same to the last bit.

    Args:
        points: ``N`` rows, which cover and are covered, and their positions, by which they are known later.
            Rows are brought to unit length here; those of the points may be `LazyRows`.
        centres: rows that cover already, in the order in which they came, and their positions.
        n: number of picks; there are fewer once no point adds anything.
        generator: CPU generator of the order among equals.
        kernel: how well a row covers another, by their Euclidean distance.
        state: kept from query to query, and in checkpoints; empty, it begins.
        cache: kept from query to query, and may be lost.

    Returns:
        Picks as places among the points, and how well each point is covered.

    Example:
        >>> x, none = torch.eye(3), torch.zeros(0, 3)
        >>> state, cache, generator = {}, {}, torch.Generator().manual_seed(0)
        >>> options = {"kernel": Kernel(), "state": state, "cache": cache}
        >>> at = torch.arange(3)
        >>> first = cover_onward((x, at), (none, at[:0]), 1, generator, **options).picks
        >>> left = at[at != first]
        >>> second = cover_onward((x[left], left), (x[first], first), 1, generator, **options).picks
        >>> bool(left[second] != first), state["base"]
        (True, 0)
    """
    if not len(points[0]):
        return Cover(points[1], points[0][:0].new_zeros(0))
    order = centres[1].cpu()
    base = _base(order, state)
    pairs = _Pairs(points, centres, kernel, base)
    if pairs.key != state.get("key"):
        pairs = _Pairs(points, centres, kernel, len(order))
    gains = pairs.gains(order, cache)
    if pairs.base < len(order) and gains.are_doubtful:
        pairs = _Pairs(points, centres, kernel, len(order))  # a new sum of all is cheaper than many of one
        gains = pairs.gains(order, cache)
    before = gains.sums()
    among = pairs.of(points[1])
    ranks = torch.full_like(pairs.places, len(pairs.places))
    ranks[among] = ranks_of(len(among), generator).to(ranks.device)
    picks = gains.pick(min(n, len(among)), ranks)
    sequence = torch.cat([order, pairs.places[picks].cpu()])
    state.update(key=pairs.key, base=pairs.base, sequence=sequence)
    cache.update(key=pairs.key, sums=[(sequence, gains.sums()), (order, before)])
    inside = torch.empty_like(pairs.places).index_copy_(0, among, torch.arange(len(among)).to(among))
    return Cover(inside[picks], gains.covered[among])


def _base(order: Int64[Tensor, " m"], state: Mapping[str, Any]) -> int:
    """With how many centres the queries began of which this one goes on; all where it goes on with none."""
    if not state:
        return len(order)
    known = min(len(order), len(state["sequence"]))
    same = torch.equal(order[:known], state["sequence"][:known])
    return state["base"] if same and len(order) >= state["base"] else len(order)


class _Pairs:
    """All rows but the first centres, in the order of their positions.

    Args:
        points: as `cover_onward` has them.
        centres: likewise.
        kernel: likewise.
        base: how many of the centres are not among the rows.

    Attributes:
        places: positions of the rows, ascending.
        key: differs where rows, kernel or ``base`` do.
    """

    def __init__(self, points: Rows, centres: Rows, kernel: Kernel, base: int) -> None:
        self.base, self._kernel, self._points, self._centres = base, kernel, points, centres
        self.places = torch.cat([points[1], centres[1][base:]]).sort().values
        rows = hashlib.sha256(self.places.cpu().numpy().tobytes()).hexdigest()
        self.key = f"{base} {kernel} {rows}"

    def of(self, positions: Int64[Tensor, " n"]) -> Int64[Tensor, " n"]:
        """Which rows these are."""
        return torch.searchsorted(self.places, positions)

    def gains(self, order: Int64[Tensor, " m"], cache: Mapping[str, Any]) -> Gains:
        """What each row adds to the centres."""
        first = Euclidean(normalize(self._centres[0][: self.base]))
        rows, covering = with_digits(Euclidean(self._unit_rows()), first, self._kernel)
        for sequence, sums in cache["sums"] if cache.get("key") == self.key else ():
            if torch.equal(order[: len(sequence)], sequence):
                gains = Gains(rows, self._kernel, None, sums[0], sums)
                break
        else:
            sequence = order[: self.base]
            gains = Gains(rows, self._kernel, None, covered_by(rows, covering, self._kernel))
        later = self.of(order[len(sequence) :].to(self.places.device))
        for centre in later.split(1) if len(later) else ():
            gains.cover(centre)
        return gains

    def _unit_rows(self) -> Tensor | LazyRows:
        points, later = self._points[0], self._centres[0][self.base :]
        if isinstance(points, LazyRows):
            places = self.of(torch.cat([self._points[1], self._centres[1][self.base :]]))
            return points.followed_by(later[:]).part(places.argsort()).each(normalize)
        x = points.new_empty(len(self.places), points.shape[1])
        x[self.of(self._points[1])] = points
        x[self.of(self._centres[1][self.base :])] = later
        return normalize(x, out=x)
