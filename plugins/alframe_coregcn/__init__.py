"""CoreGCN: k-centre greedy on the hidden layer of a graph network that tells labelled from unlabelled.

Caramalau et al., "Sequential graph convolutional network for active learning", CVPR 2021, arXiv 2006.10219.
`uncertaingcn` is the same paper's other strategy, on the same graph network.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Context, Embeddings, LabelledView, PoolView


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """Options of the graph network, those of the paper's program by default."""

    hidden: int = option(128, "units of the graph network's hidden layer")
    dropout: float = option(0.3, "share of them dropped in training")
    steps: int = option(200, "steps of Adam on the whole graph")
    learning_rate: float = option(1e-3, "learning rate of Adam")
    weight_decay: float = option(5e-4, "weight decay of Adam")
    unlabelled_weight: float = option(1.2, "weight of the unlabelled samples' part of the loss")
    subset: int | None = option(
        None, "unlabelled samples, drawn at random, that the graph network is trained on; none: all"
    )

    def __post_init__(self) -> None:
        """Refuses values outside their ranges."""
        for name in ("hidden", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in 0..1, got {self.dropout}")
        for name in ("learning_rate", "unlabelled_weight"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be at least 0, got {self.weight_decay}")
        if self.subset is not None and self.subset < 1:
            raise ValueError(f"subset must be at least 1, or none, got {self.subset}")


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
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView, options: GraphOptions, ctx: Context) -> Embeddings:
    """The graph network's hidden layer."""
    from alframe import Embeddings
    from alframe_coregcn.graph import graph_nodes

    hidden = graph_nodes(pool, labelled, options, ctx).hidden
    return Embeddings(hidden[: len(pool)], hidden[len(pool) :])
