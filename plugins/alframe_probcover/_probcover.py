"""Coverage by balls on unit-length features, and the largest radius at which most lie within their cluster.

Yehuda et al., "Active learning through a covering lens", NeurIPS 2022, arXiv 2205.11320, sections 3 and 4.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from alframe import Context, Euclidean, LabelledView, PoolView, UsageError
from alframe.ops import Kernel, LazyRows, cover_onward, eligible, kmeans, rows_per_block

if TYPE_CHECKING:
    from alframe_probcover import Options

Rows = tuple[Any, Tensor]  # rows and their positions


def cover_by_balls(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """Chooses from the pool what has most uncovered samples in its ball; logs `delta` and `coverage`.

    Args:
        pool: ``N`` samples.
        labelled: ``L`` samples, whose balls cover already; there may be none.
        scores: ``N`` numbers, ``-inf`` of samples that are left out; or None.
        n: most picks.
        options: the radius, or how to find one.
        ctx: of the selector.

    Returns:
        At most ``n`` positions in the pool; fewer once all samples are covered.

    Raises:
        UsageError: there is no radius, and nobody knows how many classes there are.
    """
    if options.radius is None and ctx.num_classes < 2:
        raise UsageError(
            "probcover finds its radius by as many clusters as there are classes, and nobody says how many "
            "there are: pass num_classes (2 or more), or set probcover.radius"
        )
    fixed: Any = pool.lazy_rows(of="fixed")
    _, positions = eligible(Euclidean(fixed), scores)
    if not len(positions):
        return positions
    goes_on = pool.is_fixed
    state = ctx.state if goes_on else {}
    rows = fixed[positions] if isinstance(fixed, Tensor) else fixed.part(positions)
    points = rows, pool.positions[positions]
    centres = labelled.fixed, labelled.positions
    radius = options.radius
    if radius is None:
        radius = _kept_radius(points, centres, options.purity, ctx, state)
    cover = cover_onward(
        points,
        centres,
        n,
        ctx.generator,
        kernel=Kernel("top-hat", radius),
        state=state.setdefault("cover", {}),
        cache=ctx.cache if goes_on else {},
    )
    ctx.log("delta", radius)
    covered = float(cover.values.sum(dtype=torch.float64)) + len(labelled)
    ctx.log("coverage", covered / (len(positions) + len(labelled)))
    return positions[cover.picks]


def _kept_radius(points: Rows, centres: Rows, purity: float, ctx: Context, state: dict[str, Any]) -> float:
    """The covering radius, which is found once for the same rows: it is the data's, not a query's.

    What is drawn afterwards is the same whether it is found or known.
    """
    places = torch.cat([points[1], centres[1]]).sort().values.cpu()
    rows = hashlib.sha256(places.numpy().tobytes()).hexdigest()
    of = f"{rows} {ctx.num_classes} {purity}"
    if state.get("radius of") != of:
        drawn = torch.Generator().set_state(ctx.generator.get_state())
        x = _unit_rows(points[0], centres[0])
        state.update({"radius": covering_radius(x, ctx.num_classes, purity, drawn), "radius of": of})
    found: float = state["radius"]
    return found


def _unit_rows(points: Tensor | LazyRows, centres: Tensor) -> Tensor | LazyRows:
    if isinstance(points, Tensor):
        return normalize(torch.cat([points, centres]))
    return points.followed_by(centres).each(normalize)


def covering_radius(
    x: Float[Tensor, "n d"] | LazyRows, k: int, purity: float, generator: torch.Generator
) -> float:
    """The largest radius such that a share of all balls hold rows of their own cluster alone.

    The ball of a row is open and holds none of another cluster as long as the radius is no larger than the
    distance to the nearest of these. So no radius has to be tried: it is a quantile of these distances.

    Args:
        x: ``n x d`` tensor of rows, or rows in files.
        k: number of k-means clusters, which stand for classes.
        purity: the share, above 0 and at most 1.
        generator: CPU generator of k-means.

    Returns:
        A rounding less than one of the distances; 0 where so many rows coincide with one of another cluster,
        or there is one row.
    """
    labels = kmeans(x, min(k, len(x)), generator).labels
    points = Euclidean(x)
    impure = math.floor((1 - purity) * len(x) + 1e-9)  # 0.1 * 10 is a little less than 1
    impure = min(impure, len(x) - 1)  # purities next to 0
    squared = nearest_of_others(points, labels).kthvalue(impure + 1).values if len(x) > 1 else torch.zeros(())
    return math.sqrt(max(0.0, float(squared) - points.resolution()))


def nearest_of_others(points: Euclidean, labels: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Squared distance of each point to the nearest one of another cluster.

    Args:
        points: ``n`` points.
        labels: their clusters; where there is one alone, distances are infinite.
    """
    order = labels.argsort(stable=True)  # blocks within a cluster need not be looked at
    points, labels = points[order], labels[order]
    of = labels.tolist()
    nearest = torch.full_like(points.squared_norms(), math.inf)
    side = math.isqrt(rows_per_block(1, nearest.device))
    for start in range(0, len(of), side):
        rows = slice(start, min(start + side, len(of)))
        for other in range(start, len(of), side):
            columns = slice(other, min(other + side, len(of)))
            if of[rows.start] == of[columns.stop - 1]:
                continue
            squared = points[rows].squared_distances(points[columns])
            if of[rows.stop - 1] >= of[columns.start]:  # else all clusters differ
                squared.masked_fill_(labels[rows, None] == labels[columns], math.inf)
            torch.minimum(nearest[rows], squared.amin(dim=1), out=nearest[rows])
            torch.minimum(nearest[columns], squared.amin(dim=0), out=nearest[columns])
    return torch.empty_like(nearest).index_copy_(0, order, nearest)
