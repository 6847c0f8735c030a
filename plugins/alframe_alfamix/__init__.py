"""ALFA-Mix: label what changes its class when its features are mixed a little with labelled ones.

Parvaneh et al., "Active Learning by Feature Mixing", CVPR 2022, arXiv 2203.07034.

The closed form of the mixing ratio (eq. 5) is computed exactly: with a linear head each sample has a
flip threshold, the smallest cap at which mixing with some class's anchor changes its prediction.
Samples below the cap are candidates; k-means on their unit-length features picks one a cluster.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, Embeddings, LabelledView, PoolView


SMALLEST_STEP = 1e-4  # of a cap that grows to 1


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of ALFA-Mix."""

    variant: Literal["closed-form", "learned", "random"] = option(
        "closed-form", "mixing ratio: in closed form (eq. 5), learned by gradient steps (eq. 4), or drawn"
    )
    cap: float | None = option(
        None,
        "cap of the mixing ratio; none: 0.2 in closed form, there over the square root of the feature size, "
        "else 1/32",
        above=0,
        most=1,
    )
    growth: bool = option(
        True, "raise the cap in steps of itself, up to 1, until there are as many candidates as the budget"
    )
    missing_anchor: Literal["mean", "none"] = option(
        "mean", "anchor of a class without labels: the mean of all labelled features, or none"
    )
    candidates_at_most: int | None = option(
        None, "most candidates that are clustered, drawn at random from all; none: all of them", least=1
    )

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, and a cap that would take more steps than anybody means."""
        super().__post_init__()
        if self.growth and self.cap is not None and self.cap < SMALLEST_STEP:
            raise ValueError(f"cap must be at least {SMALLEST_STEP} where it grows, got {self.cap}")

    @property
    def first_cap(self) -> float:
        """The cap that is tried first."""
        return self.cap or (0.2 if self.variant == "closed-form" else 1 / 32)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="samples that flip when mixed with labelled features, one a cluster",
        reference="Parvaneh et al., CVPR 2022, arXiv 2203.07034",
        options=Options,
        aliases=("AlphaMixSampling",),
        needs=("score:weights",),
        family="both",
        score_range="any",
        api=3,
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView) -> Embeddings:
    """Unit-length features."""
    from alframe import Embeddings
    from alframe_alfamix._unit import UnitLength

    return Embeddings(UnitLength(pool.lazy_rows(of="features")), UnitLength(labelled.features))


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """Minus the flip threshold, or minus the norm of the ratio; ``-inf`` where no anchor flips the sample."""
    from alframe import UsageError
    from alframe_alfamix._alfamix import class_anchors
    from alframe_alfamix._ratios import smallest_flipping_norms
    from alframe_alfamix._selection import thresholds

    if ctx.model is None or not len(labelled):
        raise UsageError("alfamix needs a head and labelled samples to mix with")
    head, z = ctx.model.head, pool.lazy_rows(of="features")
    anchors = class_anchors(labelled.features, labelled.targets, ctx.num_classes, options.missing_anchor)
    if options.variant == "closed-form":
        return -thresholds(head, z, anchors, options.first_cap, options.growth)
    learned = options.variant == "learned"
    return -smallest_flipping_norms(head, z, anchors, options.first_cap, learned, ctx.generator)


@hookimpl
def alframe_select(
    pool: PoolView, labelled: LabelledView, scores: Tensor | None, n: int, options: Options, ctx: Context
) -> Tensor:
    """The member nearest to each of ``n`` k-means centres among the candidates.

    In closed form a candidate has a score above minus the cap. Another scorer's scores are read the same way;
    without scores every sample is a candidate. With learned or random ratios a candidate has a finite score;
    while there are too few, the others are tried at larger caps. Of more candidates than
    ``candidates_at_most``, and than the budget, so many are drawn.
    """
    import torch

    from alframe_alfamix._selection import drawn_from, flipped_at_larger_caps, one_a_cluster
    from alframe_alfamix._steps import candidates

    if scores is None:
        chosen = torch.arange(len(pool), device=ctx.device)
    elif options.variant == "closed-form":
        chosen = candidates(scores, n, options.first_cap, options.growth)
    else:
        chosen = flipped_at_larger_caps(pool, labelled, scores, n, options, ctx)
    ctx.log("candidates", len(chosen))
    if options.candidates_at_most is not None:
        chosen = drawn_from(chosen, max(n, options.candidates_at_most), ctx.generator)
        ctx.log("clustered", len(chosen))
    picks, exact = one_a_cluster(pool.embedding, chosen, scores, n, ctx.generator)
    if not exact:
        ctx.log("approximate_vectors", 1)
    return picks
