"""What a learner's `state_dict` must hold to be taken up, and a fit that is undone unless it ends well."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from alframe.errors import PluginError, UsageError
from alframe.networks.classifier import Classifier, changes, same_state
from alframe.registry.plugin import Plugin

KEYS = frozenset({"labelled", "targets", "round", "fitted", "model", "plugins"})
SINCE = {"seed": "seed", "samples": "number of samples"}  # what states of earlier versions lack


def require_fitting(
    state: Any,
    model: Classifier,
    samples: int,
    classes: int,
    seed: int,
    frozen_body: Mapping[str, Any] | None,
) -> None:
    """Refuses a state that is not of a learner made with the same arguments; changes nothing.

    Args:
        state: what `load_state_dict` was given.
        model: the network.
        samples: how many samples the data set has.
        classes: and how many classes.
        seed: the learner's.
        frozen_body: the initial state of a network whose body stays as it is, else None.

    Raises:
        UsageError: what does not fit.
    """
    if not isinstance(state, Mapping) or (lacking := sorted(KEYS - state.keys())):
        what = (
            f"it lacks {', '.join(lacking)}" if isinstance(state, Mapping) else f"got {type(state).__name__}"
        )
        raise UsageError(f"this is no state of an ActiveLearner: {what}")
    for key, value in (("seed", seed), ("samples", samples)):
        if state.get(key, value) != value:
            raise UsageError(
                f"the state is another learner's: its {SINCE[key]} is {state[key]}, this one's {value}; "
                "make the learner with the same arguments"
            )
    for key, kind, what in (
        ("round", int, "whole number"),
        ("fitted", bool, "truth value"),
        ("plugins", dict, "dictionary"),
    ):
        if not isinstance(state[key], kind):
            raise UsageError(
                f"this is no state of an ActiveLearner: {key!r} must be a {what}, got "
                f"{type(state[key]).__name__}"
            )
    _require_labels(state["labelled"], state["targets"], samples, classes)
    _require_weights(state["model"], model)
    if frozen_body is not None:
        moved = [
            name
            for name, value in frozen_body.items()
            if name.startswith("body.") and isinstance(value, Tensor)
            if not torch.equal(value.cpu(), state["model"][name].cpu())
        ]
        if moved:
            raise UsageError(f"the state is another network's: its body's {moved[0][5:]!r} has other numbers")


def _require_labels(labelled: Any, targets: Any, samples: int, classes: int) -> None:
    for name, value, end in (("labelled", labelled, samples), ("targets", targets, classes)):
        if not isinstance(value, Tensor) or value.dtype != torch.int64 or value.ndim != 1:
            raise UsageError(f"this is no state of an ActiveLearner: {name!r} must be whole numbers")
        if len(value) and (value.min() < 0 or value.max() >= end):
            raise UsageError(
                f"the state is of other data: {name!r} lie in {int(value.min())}..{int(value.max())}, "
                f"and here must in 0..{end - 1}"
            )
    if len(labelled) != len(targets) or len(labelled.unique()) != len(labelled):
        raise UsageError("this is no state of an ActiveLearner: positions are repeated, or lack labels")


def _require_weights(weights: Any, model: Classifier) -> None:
    own = model.state_dict()
    if not isinstance(weights, Mapping) or weights.keys() != own.keys():
        raise UsageError("the state is another network's: its weights have other names")
    for name, value in own.items():
        if isinstance(value, Tensor) and getattr(weights[name], "shape", None) != value.shape:
            got = list(getattr(weights[name], "shape", ()))
            raise UsageError(
                f"the state is another network's: {name!r} has shape {got}, here it has {list(value.shape)}"
            )


def require_same_body(model: Classifier, initial: Mapping[str, Any], trainer: Plugin) -> None:
    """Refuses a body that is not as it was at first, of a trainer that says that it trains the head alone.

    Args:
        model: the network.
        initial: its initial state.
        trainer: the plugin.

    Raises:
        PluginError: it has changed.
    """
    if not same_state(model.body, initial, "body."):
        raise PluginError(
            f"plugin {trainer.name!r} ({trainer.provider}), hook alframe_train: it declares "
            "trains='head', but has changed the body's weights or buffers"
        )


@contextlib.contextmanager
def undone_unless_finished(
    model: Classifier, initial: Mapping[str, Any], states: dict[str, dict[str, Any]], trainer: str
) -> Iterator[None]:
    """Whatever ends the block early, Ctrl-C too, leaves network and trainer as they were before it.

    Args:
        model: the network, in evaluation mode.
        initial: its initial state. Only what differs from it is copied meanwhile: nothing of a frozen body,
            and nothing before the first fit.
        states: every plugin's dictionary.
        trainer: name of the plugin that trains.
    """
    changed = changes(model, initial)
    now = model.state_dict()
    before = dict(initial) | {name: copied(now[name]) for name in changed}
    had = copied(states.get(trainer))
    try:
        yield
    except BaseException:
        model.load_state_dict(before)
        model.zero_grad(set_to_none=True)
        model.eval()
        states.pop(trainer, None)
        if had is not None:
            states[trainer] = had
        raise


def copied(value: Any) -> Any:
    """A copy of what a plugin keeps; a tensor is copied without its history."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) is dict:
        return {key: copied(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(part) for part in value)
    return copy.deepcopy(value)
