"""A committee: several networks that differ in initial weights and in the order of batches.

Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles", NeurIPS
2017, arXiv 1612.01474; Beluch et al., "The power of ensembles for active learning", CVPR 2018.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Classifier, Context, LabelledView, Recipe, TrainResult


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the ensemble."""

    members: int = option(5, "networks", least=2)
    redraw: Literal["head", "all"] = option(
        "head",
        "initial weights that are drawn anew: the head's, or all, which is not for pretrained networks",
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="trains several networks, of which the first is the one that is tested",
        reference="Beluch et al., CVPR 2018",
        options=Options,
        committee="members",
        api=4,
    )


@hookimpl
def alframe_train(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    options: Options,
    ctx: Context,
) -> TrainResult:
    """Trains the members as the default trainer trains one; their weights are kept in ``ctx.state``."""
    from alframe_ensemble._ensemble import train_committee

    return train_committee(model, labelled, validation, recipe, options, ctx)
