"""Radii of labelled samples, how much they cover, and picks by coverage and margin.

Mishal and Weinshall, 2024, arXiv 2407.01804. All distances are between unit-length features; balls are open.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Context, Euclidean, LabelledView, PoolView
from alframe.ops import first_of_equals, row_blocks, rows_per_block

if TYPE_CHECKING:
    from alframe_dcom import Options

LEAST_PURITY, PURITY_RISE = 0.4, 0.2  # a ball is pure from the first on, and where all is covered from both


def cover_and_doubt(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Chooses from the pool; logs `delta` (the mean radius), `coverage` and `competence`.

    Args:
        pool: ``N`` samples.
        labelled: ``L`` samples with labels; there may be none, and then nothing but coverage counts.
        scores: ``N`` numbers, ``-inf`` of samples that are left out; or None.
        n: most picks.
        options: of the strategy.
        ctx: of the selector; its state keeps the radii by position in the data set.

    Returns:
        At most ``n`` positions in the order they were picked.
    """
    fixed: Any = pool.lazy_rows(of="fixed")
    points = Euclidean(normalize(fixed) if isinstance(fixed, Tensor) else fixed.each(normalize))
    centres = Euclidean(normalize(labelled.fixed))
    doubts = points.squared_norms().new_zeros(len(points), dtype=torch.float64)
    radius, competence = options.radius, 0.0
    covered = torch.zeros_like(doubts, dtype=torch.bool)
    if len(labelled):
        of_pool, of_labelled = (view.by_rows(_doubt_and_label) for view in (pool, labelled))
        radii, is_new = known_radii(labelled.positions, ctx.state, options.radius)
        if bool(is_new.any()):
            coverage = coverage_of(covered_by(points, centres, radii), len(labelled))
            purity = LEAST_PURITY + PURITY_RISE * coverage
            classes = of_pool[:, 1].long(), labelled.targets
            radii[is_new] = pure_radii(points, centres, classes, is_new.nonzero()[:, 0], purity, options)
        ctx.state.update(positions=labelled.positions.cpu(), radii=radii.cpu())
        covered = covered_by(points, centres, radii)
        competence = competence_at(coverage_of(covered, len(labelled)), options.slope, options.middle)
        doubts = from_0_to_1(of_pool[:, 0].double(), of_labelled[:, 0].double())
        radius = float(radii.mean())
    allowed = torch.ones_like(covered) if scores is None else scores > -torch.inf
    ctx.log("delta", radius)
    ctx.log("coverage", coverage_of(covered, len(labelled)))
    ctx.log("competence", competence)
    return pick(points, covered, doubts, competence, radius, allowed, n, ctx.generator)


def _doubt_and_label(probs: Float[Tensor, "n c"]) -> Float[Tensor, "n 2"]:
    """Minus the margin, and the predicted class."""
    first, label = probs.max(dim=1, keepdim=True)
    margin = first - probs.scatter(1, label, 0.0).amax(dim=1, keepdim=True)
    return torch.cat([-margin, label.to(probs.dtype)], dim=1)


def from_0_to_1(doubts: Float[Tensor, " n"], of_labelled: Float[Tensor, " l"]) -> Float[Tensor, " n"]:
    """The pool's doubts, such that 0 is the least and 1 the largest of all samples; of equal ones 0."""
    every = torch.cat([doubts, of_labelled])
    least, largest = every.min(), every.max()
    return (doubts - least) / (largest - least if largest > least else 1)


def known_radii(
    positions: Int64[Tensor, " l"], state: dict[str, Any], radius: float
) -> tuple[Float[Tensor, " l"], Bool[Tensor, " l"]]:
    """The radius of each labelled sample, and which have none yet: theirs is the mean of the others'.

    Args:
        positions: of the labelled samples in the data set.
        state: of the strategy.
        radius: where no sample has one.
    """
    known = dict(zip(state["positions"].tolist(), state["radii"].tolist(), strict=True)) if state else {}
    found = [known.get(position, math.nan) for position in positions.tolist()]
    radii = torch.tensor(found, dtype=torch.float64, device=positions.device)
    is_new = radii.isnan()
    radii[is_new] = radius if bool(is_new.all()) else radii[~is_new].mean()
    return radii, is_new


def covered_by(points: Euclidean, centres: Euclidean, radii: Float[Tensor, " l"]) -> Bool[Tensor, " n"]:
    """Which points are in some centre's ball, each of which has its own radius."""
    squares = radii.square()
    covered = torch.zeros(len(points), dtype=torch.bool, device=radii.device)
    for block in row_blocks(len(points), max(len(centres), points.width), radii.device):
        covered[block] = (points[block].squared_distances(centres) < squares).any(dim=1)
    return covered


def coverage_of(covered: Bool[Tensor, " n"], labelled: int) -> float:
    """The share of all samples that are in a ball; labelled ones are in their own."""
    every = len(covered) + labelled
    return (int(covered.sum()) + labelled) / every if every else 1.0


def competence_at(coverage: float, slope: float, middle: float) -> float:
    """How much margin counts, from 0 to 1, to 3 digits: a logistic curve that is 1 where all is covered.

    Example:
        >>> competence_at(0.8, 50.0, 0.8), competence_at(1.0, 50.0, 0.8)
        (0.5, 1.0)
    """
    exponent = min(700.0, -slope * (coverage - middle))  # beyond, a float has no number
    return round((1 + math.exp(-slope * (1 - middle))) / (1 + math.exp(exponent)), 3)


def pure_radii(
    points: Euclidean,
    centres: Euclidean,
    classes: tuple[Int64[Tensor, " n"], Int64[Tensor, " l"]],
    which: Int64[Tensor, " m"],
    purity: float,
    options: Options,
) -> Float[Tensor, " m"]:
    """For some centres a radius at which so large a share of the ball has the centre's class.

    Args:
        points: the pool.
        centres: the labelled samples.
        classes: predicted ones of the pool, and the labels.
        which: of the centres.
        purity: the share.
        options: how to search, and the largest radius.
    """
    of_every = torch.cat(classes)
    found = [torch.zeros(0, dtype=torch.float64, device=which.device)]
    for block in row_blocks(len(which), len(of_every), which.device):
        some = which[block]
        row = centres[some]
        squared = torch.cat([row.squared_distances(points), row.squared_distances(centres)], dim=1)
        squared.scatter_(1, some[:, None] + len(points), 0.0)  # by its place; by rounding it is elsewhere
        agrees = of_every == classes[1][some, None]
        search = halved if options.search == "bisect" else largest_pure
        found.append(search(squared.sqrt().double(), agrees, purity, options))
    return torch.cat(found)


def halved(
    distances: Float[Tensor, "b m"], agrees: Bool[Tensor, "b m"], purity: float, options: Options
) -> Float[Tensor, " b"]:
    """By halving, as if purity could only fall with the radius; the middle of what is left in the end."""
    low = distances.new_zeros(len(distances))
    high = torch.full_like(low, options.largest)
    width = options.largest
    while width > options.resolution:
        middle, width = (low + high) / 2, width / 2
        inside = distances < middle[:, None]
        size = inside.sum(dim=1, dtype=torch.float64)  # times a share, whole numbers would become 32 bits
        is_pure = (inside & agrees).sum(dim=1) >= purity * size
        low, high = torch.where(is_pure, middle, low), torch.where(is_pure, high, middle)
    return (low + high) / 2


def largest_pure(
    distances: Float[Tensor, "b m"], agrees: Bool[Tensor, "b m"], purity: float, options: Options
) -> Float[Tensor, " b"]:
    """The largest radius of a pure ball, up to the largest that is allowed."""
    distances = torch.where(distances < options.largest, distances, options.largest)  # not in any ball
    distances, order = distances.sort(dim=1, stable=True)
    inside = torch.arange(1, distances.shape[1] + 1, device=distances.device, dtype=torch.float64)
    is_pure = agrees.gather(1, order).cumsum(dim=1) >= purity * inside
    beyond = torch.nn.functional.pad(distances[:, 1:], (0, 1), value=options.largest)
    ends = beyond > distances  # of equally far ones all are in a ball or none
    return torch.where(is_pure & ends, beyond, 0.0).amax(dim=1)


def pick(
    points: Euclidean,
    covered: Bool[Tensor, " n"],
    doubts: Float[Tensor, " n"],
    competence: float,
    radius: float,
    allowed: Bool[Tensor, " n"],
    n: int,
    generator: torch.Generator,
) -> Int64[Tensor, " k"]:
    """Repeatedly the point of the largest mix of its doubt and of how many its ball would cover.

    Both are taken as shares of the largest there is. What a pick's ball holds is covered then.

    Args:
        points: ``n`` points.
        covered: those that are in a ball already.
        doubts: from 0 to 1.
        competence: how much they count, from 0 to 1; the rest is coverage's.
        radius: of the balls of picks.
        allowed: which points may be picked.
        n: most picks.
        generator: CPU generator of the order among equals.

    Returns:
        Positions in the order they were picked. Where all is covered and no doubt counts, any come next.
    """
    order = torch.randperm(len(points), generator=generator)
    ranks = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order))).to(covered.device)
    covered, left, doubts = covered.clone(), allowed.clone(), doubts.clone()
    counts = _holding(points, (~covered).nonzero()[:, 0], radius)
    picks = [ranks[:0]]
    for _ in range(min(n, int(allowed.sum()))):
        mix = competence * _share(doubts) + (1 - competence) * _share(counts)
        chosen = first_of_equals(mix.masked_fill_(~left, -torch.inf), ranks)
        picks.append(chosen)
        left[chosen], doubts[chosen] = False, 0
        if bool((counts > 0).any()):
            inside = points[chosen].squared_distances(points)[0] < radius * radius
            inside[chosen] = True
            fresh = (inside & ~covered).nonzero()[:, 0]
            counts -= _holding(points, fresh, radius)
            covered[fresh] = True
    return torch.cat(picks)


def _share(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """As a share of the largest; 0 where that is 0."""
    largest = values.amax()
    return values / torch.where(largest > 0, largest, 1)


def _holding(points: Euclidean, some: Int64[Tensor, " m"], radius: float) -> Float[Tensor, " n"]:
    """How many of some points each point's ball holds; it holds itself, by its place."""
    counts = torch.zeros(len(points), dtype=torch.float64, device=some.device)
    side = math.isqrt(rows_per_block(1, some.device))
    for rows in some.split(side) if len(some) else ():
        inner = points[rows]
        for columns in row_blocks(len(points), max(len(rows), points.width), some.device):
            squared = inner.squared_distances(points[columns])
            inside = torch.lt(squared, radius * radius, out=squared)
            here = (rows >= columns.start) & (rows < columns.stop)
            inside[here, rows[here] - columns.start] = 1
            counts[columns] += inside.sum(dim=0)
    return counts
