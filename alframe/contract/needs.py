"""What a plugin can't work without: `PluginInfo.needs` names it, and the engine asks before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.networks.classifier import Classifier

ESTIMATOR = "estimator"  # the plugin that trains estimators, and the need of trainers that can
SAMPLES = "samples"  # what a committee has too, which `PluginInfo.committee` says that a trainer trains
WITHOUT_WEIGHTS = "a strategy that needs none, as margin, entropy, badge, cal, coreset, uherding"
COMMITTEE = "several trained models"
FORESTS = "take a forest or bagging, as sklearn:RandomForest, or margin, entropy, coreset"
DROPOUT_WANTED = "one with a Dropout layer whose rate is above 0, e.g. `-o model.dropout=0.5`"


@dataclasses.dataclass(frozen=True)
class Need:
    """Something that a plugin can't work without.

    Attributes:
        words: what, for people.
        lacking: what a network and a batch of its inputs lack of it; "" when nothing.
    """

    words: str
    lacking: Callable[[Classifier, Tensor], str]


def _dropout(model: Classifier, inputs: Tensor) -> str:
    if name := _estimator(model):
        return "" if model.head.members else f"{COMMITTEE}, and {name} is one: {FORESTS}"
    return "" if model.dropout_layers() else f"a network with dropout: {DROPOUT_WANTED}"


def _samples(model: Classifier, inputs: Tensor) -> str:
    if _estimator(model) or model.dropout_layers():
        return _dropout(model, inputs)
    return (
        "samples of a posterior: several networks, as `--train ensemble` trains them, or a network with "
        f"dropout: {DROPOUT_WANTED}"
    )


def _network(model: Classifier, inputs: Tensor) -> str:
    if name := _estimator(model):
        return f"gradients in the inputs, and {name} has none: take a network, or {WITHOUT_WEIGHTS}"
    if inputs.is_floating_point():
        return ""
    return f"inputs that a gradient can change, and these are {str(inputs.dtype).removeprefix('torch.')}"


def _weights(model: Classifier, inputs: Tensor) -> str:
    if not (name := _estimator(model)) or hasattr(model.head, "weight"):
        return ""
    return (
        f"a head with weights, and {name} has none: take sklearn:LogisticRegression, a network, or "
        f"{WITHOUT_WEIGHTS}"
    )


def _committee(model: Classifier, inputs: Tensor) -> str:
    name = _estimator(model)
    return f"{COMMITTEE}, and {name} is one: {FORESTS}" if name and not model.head.members else ""


def _leaves(model: Classifier, inputs: Tensor) -> str:
    if getattr(model.head, "has_leaves", False):
        return ""
    none = f"{_estimator(model)} has none" if _estimator(model) else "this is a network"
    return f"trees that say into which leaf a sample falls, and {none}: take sklearn:RandomForest or xgboost"


def _trainable(model: Classifier, inputs: Tensor) -> str:
    if _estimator(model):
        return ""
    return "a model that is an estimator, as sklearn:RandomForest, and this is a network: leave --train out"


def _estimator(model: Classifier) -> str:
    """The name of an estimator that is in the network's place; "" where it is a network."""
    prototype = getattr(model.head, "prototype", None)
    return "" if prototype is None else type(prototype).__name__


NEEDS = {
    "committee": Need("several trained models", _committee),
    "dropout": Need("a network with dropout", _dropout),
    ESTIMATOR: Need("an estimator in the network's place", _trainable),
    "leaves": Need("a model of trees", _leaves),
    "network": Need("the whole network, and inputs that a gradient can change", _network),
    SAMPLES: Need("samples of a posterior: dropout, or several trained models", _samples),
    "weights": Need("a head with weights", _weights),
}


def unknown_needs(needs: Iterable[str], stages: Iterable[str]) -> list[str]:
    """What of `PluginInfo.needs` there is not.

    Args:
        needs: as declared.
        stages: of the engine.
    """
    known = {*NEEDS, *(f"{stage}:{need}" for stage in stages for need in NEEDS)}
    return sorted(set(needs) - known)


def in_words(needs: Iterable[str], stages: Iterable[str]) -> list[str]:
    """A sentence's end for each need, as "needs a head with weights".

    Args:
        needs: as declared.
        stages: of the engine.
    """
    found = needed(needs, stages)
    return [f"{f'its {stage} stage ' if stage else ''}needs {need.words}" for stage, need in found]


def needed(needs: Iterable[str], stages: Iterable[str]) -> list[tuple[str, Need]]:
    """What a plugin needs that serves some stages: the stage, "" where it is all of it, and the need.

    Args:
        needs: `PluginInfo.needs`, as ``"dropout"`` or of one stage alone ``"embed:weights"``.
        stages: which it serves.
    """
    served, found = set(stages), []
    for one in needs:
        stage, colon, name = one.partition(":")
        if not colon or stage in served:
            found.append((stage if colon else "", NEEDS[name if colon else one]))
    return found
