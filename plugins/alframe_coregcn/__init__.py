"""CoreGCN: k-centre greedy on the hidden layer of a graph network that tells labelled from unlabelled.

Caramalau et al., "Sequential graph convolutional network for active learning", CVPR 2021, arXiv 2006.10219.
`uncertaingcn` is the same paper's other strategy, on the same graph network.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import CheckedOptions, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Context, Embeddings, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class GraphOptions(CheckedOptions):
    """Options of the graph network, those of the paper's program by default."""

    hidden: int = option(128, "units of the graph network's hidden layer", least=1)
    dropout: float = option(0.3, "share of them dropped in training", least=0, below=1)
    steps: int = option(200, "steps of Adam on the whole graph", least=1, most=1_000_000)
    learning_rate: float = option(1e-3, "learning rate of Adam", above=0)
    weight_decay: float = option(5e-4, "weight decay of Adam", least=0)
    unlabelled_weight: float = option(1.2, "weight of the unlabelled samples' part of the loss", above=0)
    subset: int | None = option(
        None, "unlabelled samples, drawn at random, that the graph network is trained on; none: all", least=1
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the strategy."""
    return PluginInfo(
        summary="k-centre greedy on the hidden layer of a graph network over the pool",
        reference="Caramalau et al., CVPR 2021, arXiv 2006.10219",
        options=GraphOptions,
        uses={"select": "coreset"},
        aliases=("GCNSampling",),
        expected_failures={
            "follows_the_rows": "the graph network's dropout draws its masks in the order of the rows"
        },
        family="diversity",
        api=3,
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView, options: GraphOptions, ctx: Context) -> Embeddings:
    """The graph network's hidden layer."""
    from alframe import Embeddings
    from alframe_coregcn.graph import graph_nodes

    hidden = graph_nodes(pool, labelled, options, ctx).hidden
    return Embeddings(hidden[: len(pool)], hidden[len(pool) :])
