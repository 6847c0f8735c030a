"""UncertainGCN: label what a graph network can't tell from labelled samples, nor from unlabelled ones.

Caramalau et al., "Sequential graph convolutional network for active learning", CVPR 2021, arXiv 2006.10219.
The graph network is that of `coregcn`, the same paper's other strategy.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl, option
from alframe_coregcn import GraphOptions

if TYPE_CHECKING:
    from torch import Tensor

    from alframe import Context, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class Options(GraphOptions):
    """Options of the graph network, and the margin."""

    margin: float = option(0.1, "probability of being labelled that is most uncertain", least=0, most=1)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="probability of being labelled nearest a margin, by a graph network over the pool",
        reference="Caramalau et al., CVPR 2021, arXiv 2006.10219",
        options=Options,
        expected_failures={
            "follows_the_rows": "the graph network's dropout draws its masks in the order of the rows"
        },
        family="uncertainty",
        score_range="any",
        api=3,
    )


@hookimpl
def alframe_score(pool: PoolView, labelled: LabelledView, options: Options, ctx: Context) -> Tensor:
    """Minus the distance of the probability of being labelled from the margin."""
    from alframe_coregcn.graph import graph_nodes

    probabilities = graph_nodes(pool, labelled, options, ctx).labelled[: len(pool)]
    return -(probabilities - options.margin).abs()
