"""Checks of what a query leaves behind: nothing."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from torch import Tensor

from alframe.contract.views import PoolView
from alframe.testing.checks_answers import close, shape
from alframe.testing.kit import ANSWERS, QUERY, REPEATABLE, CheckFailedError, check, once
from alframe.testing.problems import Problem
from alframe.testing.subject import Subject
from alframe.testing.witness import Call

SHOWN = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """A problem at one moment.

    Attributes:
        weights: parameters and buffers by name.
        predicts: what the network makes of the samples, in evaluation mode.
        modes: whether each module is in training mode.
        gradients: the gradient of each parameter, or None.
        asks: whether each parameter asks for a gradient.
        given: inputs and labels.
    """

    weights: dict[str, Tensor]
    predicts: dict[str, Tensor]
    modes: dict[str, bool]
    gradients: dict[str, Tensor | None]
    asks: dict[str, bool]
    given: dict[str, Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Footprint:
    """A problem before and after a query, and what the plugin's stages were given meanwhile."""

    before: Snapshot
    after: Snapshot
    calls: list[Call]


@check(*QUERY, after=ANSWERS)
def leaves_the_weights(subject: Subject) -> None:
    """After a query the network's parameters, buffers and predictions are what they were."""
    _require_same(subject, "weights", "the network's {} changed; work on a copy")
    _require_same(subject, "predicts", "the network's {} changed; remove your hooks, or work on a copy")


@check(*QUERY, after=ANSWERS)
def leaves_the_mode(subject: Subject) -> None:
    """After a query every module of the network is in evaluation mode, as it was."""
    _require_same(subject, "modes", "{} is in training mode now; go back to model.eval()")


@check(*QUERY, after=ANSWERS)
def leaves_gradients(subject: Subject) -> None:
    """After a query each parameter has the gradient, or none, and the `requires_grad` that it had."""
    _require_same(subject, "gradients", "the gradient of {} changed; use torch.autograd.grad, not backward()")
    _require_same(subject, "asks", "requires_grad of {} changed; put it back")


@check(*QUERY, "train", after=ANSWERS)
def leaves_inputs_and_labels(subject: Subject) -> None:
    """The samples and the labels of the labelled set are what they were."""
    _require_same(subject, "given", "the {} changed in place; work on a copy")


@check(*QUERY, after=(*ANSWERS, *REPEATABLE))
def leaves_the_views(subject: Subject) -> None:
    """Features, logits, probabilities, embeddings and scores, which others read too, are not written to."""
    fresh = subject.problem()
    for side, view in (("pool", PoolView(fresh.pool())), ("labelled", PoolView(fresh.labelled()))):
        for call in _footprint(subject).calls:
            given = vars(getattr(call, side)) if call.stage != "train" else {}
            for name in ("features", "logits", "probs"):
                if name in given and not torch.equal(given[name], getattr(view, name)):
                    raise CheckFailedError(f"alframe_{call.stage} changed {side}.{name} in place; clone it")
    for call in _footprint(subject).calls:
        if call.scores is not None and not torch.equal(*call.scores):
            raise CheckFailedError(f"alframe_{call.stage} changed the scores in place; clone them")
        if call.stage == "select" and "embedding" in vars(call.pool):
            pool, labelled = subject.embed(fresh, 0, subject.pipeline)
            for side, points in (("pool", pool), ("labelled", labelled)):
                if not all(map(close, shape(points), shape(getattr(call, side).embedding), [1e-5] * 2)):
                    raise CheckFailedError(f"alframe_select changed {side}.embedding in place; clone it")


def _require_same(subject: Subject, field: str, message: str) -> None:
    footprint = _footprint(subject)
    before, after = getattr(footprint.before, field), getattr(footprint.after, field)
    names = [*before, *(name for name in after if name not in before)]
    changed = [name for name in names if not _same(before.get(name), after.get(name))]
    if changed:
        more = "" if len(changed) <= SHOWN else f" and {len(changed) - SHOWN} more"
        raise CheckFailedError(message.format(", ".join(changed[:SHOWN]) + more))


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    return type(first) is type(second) and bool(first == second)


@once
def _footprint(subject: Subject) -> Footprint:
    problem = subject.problem()
    # As after a training: some parameters have a gradient, and one is frozen.
    for name, parameter in problem.model.named_parameters():
        if name.startswith("head"):
            parameter.grad = torch.ones_like(parameter)
    problem.model.body[0].weight.requires_grad_(False)  # type: ignore[index]
    before = _snapshot(problem)
    calls, _ = subject.watched(problem)
    return Footprint(before, _snapshot(problem), calls)


def _snapshot(problem: Problem) -> Snapshot:
    model = problem.model
    parameters = dict(model.named_parameters())
    twin = copy.deepcopy(model).eval()  # with the hooks that were left on it
    with torch.no_grad():
        predicts = {"features": twin.features(problem.inputs), "logits": twin(problem.inputs)}
    return Snapshot(
        weights={name: value.clone() for name, value in model.state_dict().items()},
        predicts=predicts,
        modes={name or "the network": module.training for name, module in model.named_modules()},
        gradients={
            name: None if parameter.grad is None else parameter.grad.clone()
            for name, parameter in parameters.items()
        },
        asks={name: parameter.requires_grad for name, parameter in parameters.items()},
        given={"inputs": problem.inputs.clone(), "labels": problem.targets.clone()},
    )
