"""Whether a strategy can work with a model: what it needs, and who trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from alframe.contract.needs import ESTIMATOR, NEEDS, SAMPLES, needed
from alframe.learning.estimator_heads import name_of, prototype_of
from alframe.networks.classifier import Classifier
from alframe.registry.plugin import Plugin


def why_lacking(
    providers: Mapping[str, Plugin], model: Classifier, inputs: Tensor, *, committee: bool = False
) -> str:
    """What a model lacks of what the plugins need, and what to do; "" when nothing.

    Args:
        providers: who serves each stage.
        model: the network.
        inputs: samples.
        committee: whether several networks are trained.
    """
    for plugin in providers.values():
        served = [stage for stage, one in providers.items() if one is plugin]
        for _, need in needed(plugin.info.needs, served):
            if committee and need is NEEDS[SAMPLES]:
                continue
            if lacking := need.lacking(model, inputs):
                return f"{plugin.name} needs {lacking}"
    return ""


def trains_several(trainer: Plugin, options: Any) -> bool:
    """Whether a trainer leaves a committee.

    Args:
        trainer: the plugin.
        options: its options.
    """
    return bool(trainer.info.committee) and getattr(options, trainer.info.committee) > 1


def why_not_trained(strategy: Plugin, own: Plugin | None, trainer: Plugin, model: Classifier) -> str:
    """Why an estimator can't be trained as the user or the strategy wants it; "" if it can, or is none.

    Args:
        strategy: the strategy.
        own: who trains for it, be it another's plugin; None where it leaves that open.
        trainer: who is to train.
        model: the network, or an estimator in its place.
    """
    if (prototype := prototype_of(model)) is None:
        return ""
    if ESTIMATOR not in trainer.info.needs:
        return f"{trainer.name} trains networks, and {name_of(prototype)} is none: leave --train out"
    if own in (None, trainer) or "committee" in strategy.info.needs:
        return ""
    return f"{strategy.name} is trained by {own.name}, and {name_of(prototype)} can't be: take a network"
