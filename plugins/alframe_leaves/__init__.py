"""Leaves of trees: two samples are as near as they fall into the same leaves.

Breiman, "Random forests", Machine Learning 45, 2001; the proximities of his manual: the share of the trees in
which two samples come to the same leaf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Context, Embeddings, LabelledView, PoolView


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the embedding."""
    return PluginInfo(
        summary="farthest by the leaves of a forest or of boosted trees; also an embedding",
        reference="Breiman, Machine Learning 2001",
        uses={"select": "coreset"},
        needs=("leaves",),
        family="diversity",
        part=True,
        api=3,
    )


@hookimpl
def alframe_embed(pool: PoolView, labelled: LabelledView, ctx: Context) -> Embeddings:
    """Samples by their leaves; squared distances are twice the share of the trees that part two samples."""
    from alframe_leaves._leaves import embed

    return embed(pool, labelled, ctx.model)
