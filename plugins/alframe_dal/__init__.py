"""Discriminative active learning: label what can be told from the labelled samples.

Gissin and Shalev-Shwartz, "Discriminative active learning", 2019, arXiv 1907.06347. A classifier learns to
tell labelled from unlabelled samples by their features, and what is surest to be unlabelled is labelled next.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(CheckedOptions):
    """Options of discriminative active learning."""

    subqueries: int = option(
        10, "parts of the query; each learns anew, with the picks of those before it as labelled", least=1
    )
    ratio: float = option(10.0, "most unlabelled samples that it learns from, for each labelled one", above=0)
    c: float = option(1.0, "inverse of the penalty's weight, as scikit-learn's C", above=0)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="samples that are most surely told from the labelled ones, by logistic regression",
        reference="Gissin and Shalev-Shwartz, 2019, arXiv 1907.06347",
        options=Options,
        aliases=("DiscriminativeRepresentation",),
        family="diversity",
        api=3,
    )


@hookimpl
def alframe_select(
    pool: PoolView,
    labelled: LabelledView,
    scores: Tensor | None,
    n: int,
    pending: PoolView,
    options: Options,
    ctx: Context,
) -> Tensor:
    """In each part of the query those whose log odds of being unlabelled are highest.

    Pending samples count as labelled. A score of ``-inf`` means never, and such samples are not learned from.
    Where nothing is labelled the first part is drawn at random.
    """
    from alframe_centroids.clusters import eligible_rows
    from alframe_dal._dal import told_apart

    features, positions = eligible_rows(pool.lazy_rows(of="features"), scores)
    known = [view.features for view in (labelled, pending) if len(view)]
    return positions[told_apart(features, known, n, options, ctx)]
