"""Estimators in a learner: what was fitted is in no checkpoint, and is fitted again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from alframe.contract.recipe import Recipe
from alframe.errors import UsageError
from alframe.learning.estimator_heads import name_of, prototype_of
from alframe.networks.classifier import Classifier


class Learner(Protocol):
    """What is known here of an `alframe.ActiveLearner`.

    Attributes:
        model: the network, or an estimator in its place.
        labelled: positions of the labelled samples.
        targets: their class numbers.
        round: number of the round.
    """

    model: Classifier
    labelled: Tensor
    targets: Tensor
    round: int
    _fitted_to: tuple[int, int]

    def fit(self) -> Any:
        """Trains the model."""
        ...


def require_fresh_start(model: Classifier, recipe: Recipe) -> None:
    """Raises `UsageError` where an estimator is to go on from its last training."""
    if recipe.warm_start and (prototype := prototype_of(model)) is not None:
        raise UsageError(
            f"train.warm_start is for networks, and {name_of(prototype)} is none: each round fits it anew"
        )


def is_fitted_again(model: Classifier) -> bool:
    """Whether a model's weights are not all that it has learned, as an estimator's are."""
    return getattr(model.head, "keeps_weights", True) is False


def fit_again(learner: Learner, state: Mapping[str, Any]) -> None:
    """Has a learner's model what it had when a state was made: by the same labels and random numbers.

    Args:
        learner: made with the same arguments; nothing but its model changes.
        state: a learner's ``state_dict``, checked.

    Raises:
        UsageError: the state does not say which samples the model was fitted to.
        TrialError: it can't be fitted to them.
    """
    head: Any = learner.model.head
    if not is_fitted_again(learner.model):
        return
    if not state["fitted"]:
        head.fitted = None
        return
    to = state.get("fitted_to")
    if not (isinstance(to, list) and len(to) == 2 and all(type(one) is int for one in to)):
        raise UsageError("the state is another model's: it does not say which samples it was fitted to")
    count, round_ = to
    if not 0 < count <= len(state["labelled"]):
        raise UsageError(f"the state says that its model was fitted to {count} samples, which it has not")
    twin = copy.deepcopy(learner)
    twin.labelled, twin.targets = state["labelled"][:count].clone(), state["targets"][:count].clone()
    twin.round = round_
    twin.fit()
    again: Any = twin.model.head.fitted
    head.take(again.estimator, again.columns)
    learner._fitted_to = count, round_
