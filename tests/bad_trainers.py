"""Trainers with one fault each, for tests/alframe/testing/test_bad_plugins.py."""

import numpy as np
import torch

from alframe import TrainResult, train_supervised


def trains_nothing(model):
    return TrainResult(epochs=0, accuracy=1.0, loss=0.0)


def thaws(model, labelled, validation, recipe, ctx):
    model._frozen.clear()
    model.requires_grad_(True)
    return train_supervised(model, labelled, validation, recipe, ctx)


def no_validation(model, labelled, validation, recipe, ctx):
    assert validation is None
    return train_supervised(model, labelled, validation, recipe, ctx)


def deviation_in_training(model, labelled, validation, recipe, ctx):
    """Starts from the scale of the features."""
    with torch.no_grad():
        model.head.bias.add_(labelled.features.std(dim=0).mean())
    return train_supervised(model, labelled, validation, recipe, ctx)


def numpy_in_training(model, labelled, validation, recipe, ctx):
    state = np.random.get_state()[1]  # noqa: NPY002 (the fault)
    with torch.no_grad():
        model.head.bias.add_(float(state[0] % 7) / 10)
    return train_supervised(model, labelled, validation, recipe, ctx)
