"""Checks of trainers."""

from __future__ import annotations

import dataclasses

import torch

from alframe.learning.learner import ActiveLearner
from alframe.testing.kit import ANSWERS, CheckFailedError, check
from alframe.testing.strangers import blobs
from alframe.testing.subject import RECIPE, Subject

ENOUGH = 0.8  # of three blobs that a straight line tells apart; guessing is right in a third


@check("train", after=ANSWERS)
def trains_a_model_that_predicts(subject: Subject) -> None:
    """Trained on separable classes, the network tells them apart."""
    learner = _learner(subject)
    learner.fit()
    accuracy = learner.evaluate().accuracy
    if accuracy < ENOUGH:
        raise CheckFailedError(
            f"of three classes that are easily told apart {accuracy:.0%} are predicted right after "
            f"training, wanted {ENOUGH:.0%}; {RECIPE.epochs} epochs at a learning rate of "
            f"{RECIPE.learning_rate:g}"
        )


@check("train", after=ANSWERS)
def trains_with_a_validation_part(subject: Subject) -> None:
    """A validation part, which the hook may ignore, does no harm."""
    learner = _learner(subject, validation=0.2)
    learner.fit()
    if not learner.validation_size:
        raise CheckFailedError("the engine held out no validation part")


@check("train", after=ANSWERS)
def leaves_what_is_frozen(subject: Subject) -> None:
    """What `Classifier.freeze` has frozen does not move in training: weights, nor batch statistics."""
    learner = _learner(subject)
    frozen = learner.model.body
    learner.model.freeze(frozen)
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    learner.fit()
    moved = [name for name, value in frozen.state_dict().items() if not torch.equal(value, before[name])]
    if moved:
        raise CheckFailedError(f"frozen parts of the network changed in training: {', '.join(moved)}")


def _learner(subject: Subject, validation: float = 0.0) -> ActiveLearner:
    """A learner to whom all samples are labelled."""
    return ActiveLearner(
        blobs(),
        subject.network,
        subject.pipeline,
        recipe=dataclasses.replace(RECIPE, validation=validation),
        device="cpu",
        registry=subject.registry,
    )
