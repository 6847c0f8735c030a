"""Centres on the unit sphere that gradient steps move towards the rows they own, and away from each other.

Xie et al., CVPR 2023, arXiv 2303.14382, equations 4 to 8. With ``s_i`` the similarity of row ``i`` to its
nearest centre ``c``, over the temperature, and ``r_c = log sum_j exp(t_j.t_c / temperature)``, ``j = c``
included and ``t_j`` taken for constant, the loss is the mean of ``log(exp(s_i) + exp(r_c)) - s_i``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize, softplus

from alframe.ops import LazyRows, row_blocks

if TYPE_CHECKING:
    from alframe_activeft import Options

ELEMENTS = 1 << 22  # similarities held at once
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam
LISTED = 16  # rows that are looked up for each centre at once; the nearest may be taken
Rows = Float[Tensor, "m d"] | LazyRows


def moved(
    x: Rows,
    centres: Float[Tensor, "n d"],
    fixed: Float[Tensor, "l d"],
    options: Options,
    progress: Callable[[int, int], None],
) -> Float[Tensor, "n d"]:
    """Where the centres are after all steps, at unit length.

    Args:
        x: ``m x d`` tensor of unit-length rows, or rows in files, which each step reads once.
        centres: where they begin.
        fixed: unit-length centres that are not moved; there may be none.
        options: of the steps.
        progress: told how many steps of how many there were.
    """
    raw, first, second = centres.clone(), torch.zeros_like(centres), torch.zeros_like(centres)
    taken = nearest_centres(x, fixed)[0]  # by centres that stay, so it is known once
    for step in range(1, options.steps + 1):
        lengths = raw.norm(dim=1, keepdim=True)
        unit = raw / lengths
        slope = gradient(x, unit, fixed, taken, options.temperature)
        slope -= (slope * unit).sum(dim=1, keepdim=True) * unit  # the loss brings centres to unit length
        slope /= lengths
        first.lerp_(slope, 1 - BETAS[0])  # Adam (Kingma and Ba, ICLR 2015)
        second.lerp_(slope.square(), 1 - BETAS[1])
        root = (second / (1 - BETAS[1] ** step)).sqrt_().add_(EPSILON)
        raw -= options.rate / (1 - BETAS[0] ** step) * first / root
        progress(step, options.steps)
    return normalize(raw)


def gradient(
    x: Rows,
    centres: Float[Tensor, "n d"],
    fixed: Float[Tensor, "l d"],
    taken: Float[Tensor, " m"],
    temperature: float,
) -> Float[Tensor, "n d"]:
    """That of the loss in the unit-length centres, in closed form.

    Of row ``i`` both exponents have the weight ``w_i = 1 / (1 + exp(s_i - r_c))``: centre ``c`` is drawn to
    the row, and pushed away from the mean of all centres by their softmax. No graph is recorded.

    Args:
        x: ``m x d`` tensor of unit-length rows, or rows in files.
        centres: those that are moved.
        fixed: those that are not.
        taken: similarity of each row to the nearest of these, ``-inf`` where there are none.
        temperature: that similarities are divided by.
    """
    crowds, others = crowding(centres, centres, fixed, temperature)
    sums = torch.zeros_like(centres, dtype=torch.float64)
    weights = torch.zeros_like(crowds, dtype=torch.float64)
    for block, rows in _blocks(x, len(centres)):
        similarity, owner = (rows @ centres.T).max(dim=1)
        weight = torch.sigmoid(crowds[owner] - similarity / temperature)
        weight = torch.where(similarity > taken[block], weight, 0)
        counts = owner.bincount(minlength=len(centres))
        order = owner.argsort(stable=True)  # bags of sorted rows: on a GPU too the same sum each time
        starts = counts.cumsum(0) - counts
        sums += embedding_bag(order, rows, starts, mode="sum", per_sample_weights=weight[order])
        weights += embedding_bag(order, weight[:, None], starts, mode="sum")[:, 0]
    pull = sums - weights[:, None] * others
    return (-pull / (len(x) * temperature)).to(centres.dtype)


def crowding(
    of: Float[Tensor, "k d"], centres: Float[Tensor, "n d"], fixed: Float[Tensor, "l d"], temperature: float
) -> tuple[Float[Tensor, " k"], Float[Tensor, "k d"]]:
    """``r_c`` of some centres, and the mean of all centres by the softmax of their similarities to each."""
    every = torch.cat([centres, fixed])
    logs, means = of.new_empty(len(of)), torch.empty_like(of)
    for block, rows in _blocks(of, len(every)):
        exponents = rows @ every.T / temperature
        logs[block] = exponents.logsumexp(dim=1)
        means[block] = exponents.softmax(dim=1) @ every
    return logs, means


def loss(x: Rows, centres: Float[Tensor, "n d"], fixed: Float[Tensor, "l d"], temperature: float) -> float:
    """The loss; rows whose nearest centre is a fixed one count as all others do.

    Args:
        x: ``m x d`` tensor of unit-length rows, or rows in files.
        centres: unit-length centres.
        fixed: further ones.
        temperature: that similarities are divided by.

    Example:
        >>> x = torch.eye(2)
        >>> round(loss(x, x, x[:0], 0.07), 4)
        0.6931
    """
    every = torch.cat([centres, fixed])
    similarity, owner = nearest_centres(x, every)
    owners, of = owner.unique(return_inverse=True)
    crowds, _ = crowding(every[owners], centres, fixed, temperature)
    return float(softplus(crowds[of] - similarity / temperature).mean(dtype=torch.float64))


def nearest_centres(
    x: Rows, centres: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, " m"], Int64[Tensor, " m"]]:
    """Similarity of each row to the nearest centre, and which it is; ``-inf`` where there are none."""
    like = x[:1]
    similarity = like.new_full((len(x),), -torch.inf)
    owner = torch.zeros_like(similarity, dtype=torch.int64)
    for block, rows in _blocks(x, len(centres)) if len(centres) else ():
        similarity[block], owner[block] = (rows @ centres.T).max(dim=1)
    return similarity, owner


def nearest_unused(x: Rows, centres: Float[Tensor, "n d"]) -> Int64[Tensor, " n"]:
    """For one centre after the other the nearest row that no centre before it has taken.

    That is not the best matching of all: centres that come first choose first.

    Args:
        x: ``m x d`` tensor of unit-length rows, or rows in files; at least ``n`` of them.
        centres: ``n`` unit-length centres.

    Returns:
        ``n`` distinct positions.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
        >>> nearest_unused(x, torch.tensor([[0.8, 0.6], [0.8, 0.6]])).tolist()
        [1, 0]
    """
    listed = _most_similar(x, centres, min(LISTED, len(x)))
    used = torch.zeros(len(x), dtype=torch.bool)
    picks: list[int] = []
    for centre, rows in enumerate(listed.tolist()):
        pick = next((row for row in rows if not used[row]), -1)
        if pick < 0:
            similarity = torch.cat([rows @ centres[centre] for _, rows in _blocks(x, 1)])
            pick = int(similarity.masked_fill_(used.to(similarity.device), -torch.inf).argmax())
        used[pick] = True
        picks.append(pick)
    return torch.tensor(picks, device=centres.device)


def _most_similar(x: Rows, centres: Float[Tensor, "n d"], k: int) -> Int64[Tensor, "n k"]:
    """Positions of the rows most similar to each centre, in descending order; of equal ones the first."""
    values = centres.new_full((len(centres), k), -torch.inf)
    found = torch.zeros_like(values, dtype=torch.int64)
    for block, rows in _blocks(x, len(centres)):
        best, places = (centres @ rows.T).topk(min(k, len(rows)), dim=1)
        both = torch.cat([values, best], dim=1), torch.cat([found, places + block.start], dim=1)
        first = both[0].argsort(dim=1, descending=True, stable=True)[:, :k]
        values, found = both[0].gather(1, first), both[1].gather(1, first)
    return found


def _blocks(x: Rows, width: int) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of rows, and where they are: no more similarities than are held at once."""
    for block in row_blocks(len(x), max(width, x.shape[1]), x.device, ELEMENTS):
        yield block, x[block]
