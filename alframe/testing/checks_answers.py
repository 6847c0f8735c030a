"""Checks of what the stages return, on many problems; the other checks wait for these."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alframe.contract.recipe import TrainResult
from alframe.contract.scores import RANGES, ROUNDING
from alframe.errors import PluginError
from alframe.experiments.randomness import random_state, random_states
from alframe.learning.validation import check_embeddings, check_picks, check_scores, check_training
from alframe.ops.geometry import Embeddings, Geometry
from alframe.registry.process import ChangedSettingsWarning
from alframe.testing.kit import ANSWERS, DESCRIBED, QUERY, CheckFailedError, check, once
from alframe.testing.subject import Answer, Subject
from alframe.testing.witness import Call

SEEDS = 20
TRAINED_SEEDS = 5  # a training takes longer than a query


@check(*QUERY, "train", after=DESCRIBED)
def answers(subject: Subject) -> None:
    """On many problems, no stage raises, and none returns None: a `return` is not forgotten."""
    for seed, calls, complaint in _sweep(subject):
        for call in calls:
            if isinstance(call.answer, BaseException):
                raise CheckFailedError(
                    f"seed {seed}: alframe_{call.stage} raised {type(call.answer).__name__}: {call.answer}"
                ) from call.answer
            if call.answer is None:
                raise CheckFailedError(
                    f"seed {seed}: alframe_{call.stage} returned None (is a `return` missing?)"
                )
        if complaint is not None and not any(_unfit(subject, call) or _bad_number(call) for call in calls):
            raise CheckFailedError(f"seed {seed}: {complaint}") from complaint


@check(*QUERY, "train", after=DESCRIBED)
def answers_fit(subject: Subject) -> None:
    """On many problems, answers have the hook's type, shape, dtype and range; picks are distinct."""
    for seed, calls, _ in _sweep(subject):
        for call in calls:
            if not _bad_number(call) and (reason := _unfit(subject, call)):
                raise CheckFailedError(f"seed {seed}: alframe_{call.stage}: {reason}")


@check(*QUERY, "train", after=DESCRIBED)
def answers_are_numbers(subject: Subject) -> None:
    """On many problems, no score, embedding or trained weight is NaN or infinite, but for scores of -inf."""
    for seed, calls, _ in _sweep(subject):
        for call in calls:
            if reason := _bad_number(call):
                raise CheckFailedError(f"seed {seed}: alframe_{call.stage}: {reason}")
    if "train" in subject.plugin.stages:
        weights = subject.ask(subject.problem()).weights or {}
        bad = [name for name, value in weights.items() if not torch.isfinite(value).all()]
        if bad:
            raise CheckFailedError(f"NaN or infinite weights after training: {', '.join(bad)}")


@check("score", after=ANSWERS)
def scores_are_in_their_range(subject: Subject) -> None:
    """Scores lie in the range that the plugin declares, also where the network is sure or knows nothing."""
    declared = subject.plugin.info.score_range
    if declared in ("", "any"):
        return
    calls = [call for _, calls, _ in _sweep(subject) for call in calls]
    for scale in (0.0, 2.0**13):
        calls += subject.watched(subject.problem(head_scale=scale))[0]
    for scores in (call.answer for call in calls if call.stage == "score"):
        for score in _ends(scores) if isinstance(scores, Tensor) else ():
            if score < 0 or (declared == "unit" and score > 1 + ROUNDING):
                raise CheckFailedError(
                    f"score_range={declared!r} promises scores {RANGES[declared]}, and one is {score:g}; "
                    "clamp what rounding has made negative"
                )


@check(*QUERY, "train", after=ANSWERS)
def same_seed_same_answer(subject: Subject) -> None:
    """The same problem and seed have the same answer, bit for bit."""
    with random_state(1):
        first = subject.ask(subject.problem())
    with random_state(1):
        second = subject.ask(subject.problem())
    if what := difference(first, second):
        raise CheckFailedError(f"the same problem and seed gave other {what}; draw from ctx.generator alone")


@check(*QUERY, "train", after=(*ANSWERS, "same_seed_same_answer"))
def ignores_global_random_state(subject: Subject) -> None:
    """The answer is the same whatever the global random states of torch, numpy and Python are."""
    with random_state(1):
        first = subject.ask(subject.problem())
    with random_state(2):
        second = subject.ask(subject.problem())
    if what := difference(first, second):
        raise CheckFailedError(
            f"another global random state gave other {what}; draw from ctx.generator, or seed numpy from it"
        )


@check(*QUERY, "train", after=ANSWERS)
def leaves_global_random_state(subject: Subject) -> None:
    """The global random states of torch, numpy and Python are afterwards as they were."""
    with random_state(3):
        problem = subject.problem()
        before = random_states()
        subject.ask(problem)
        after = random_states()
    changed = [name for name, state in before.items() if state != after[name]]
    if changed:
        raise CheckFailedError(f"the global random state of {' and '.join(changed)} has moved")


@check(*QUERY, "train", after=ANSWERS)
def leaves_global_settings(subject: Subject) -> None:
    """What is set for the whole process is as it was: the working directory, torch's dtype, threads, ..."""
    problem = subject.problem()
    with warnings.catch_warnings(record=True) as caught:  # the engine has put it back
        warnings.simplefilter("always", ChangedSettingsWarning)
        subject.ask(problem)
    told = [one.message for one in caught if isinstance(one.message, ChangedSettingsWarning)]
    if changed := dict.fromkeys(name for warning in told for name in warning.changed):
        raise CheckFailedError(f"{' and '.join(changed)} changed, for everybody's code; put it back")


def difference(first: Answer, second: Answer, tolerance: float = 0.0) -> str:
    """What differs between two answers, or "".

    Args:
        first: an answer.
        second: another, to a problem of the same size.
        tolerance: how far scores, distances and weights may differ, relative to the largest; picks must not.
    """
    if first.picks is not None and not (second.picks is not None and torch.equal(first.picks, second.picks)):
        return "picks"
    if first.scores is not None and not close(first.scores, second.scores, tolerance):
        return "scores"
    for name in ("pool", "labelled"):
        points, others = getattr(first, name), getattr(second, name)
        if points is not None and not all(map(close, shape(points), shape(others), [tolerance] * 2)):
            return f"embeddings of the {name}"
    for name, value in (first.weights or {}).items():
        if not close(value, (second.weights or {})[name], tolerance):
            return f"weights ({name})"
    return ""


def shape(points: Geometry) -> tuple[Tensor, Tensor]:
    """All that tells a set of points from another: squared norms and squared distances between them."""
    return points.squared_norms(), points.squared_distances(points)


def close(first: Tensor, second: Tensor | Any, tolerance: float) -> bool:
    """Whether two tensors are equal up to a tolerance relative to their largest finite number."""
    if tolerance == 0:
        return torch.equal(first, second)
    finite = first[torch.isfinite(first)].abs()
    atol = tolerance * (finite.max().item() if len(finite) else 1.0)
    return torch.allclose(first.double(), second.double().to(first.device), rtol=0, atol=atol)


@once
def _sweep(subject: Subject) -> list[tuple[int, list[Call], Exception | None]]:
    """Seed, own calls and the engine's complaint of each of many problems."""
    seeds = TRAINED_SEEDS if "train" in subject.plugin.stages else SEEDS
    return [(seed, *subject.watched(subject.problem(seed), seed)) for seed in range(seeds)]


def _unfit(subject: Subject, call: Call) -> str:
    """What the engine says of an answer's form, or ""."""
    size = 0 if call.pool is None else len(call.pool)
    checks: dict[str, Callable[[Any], Any]] = {
        "train": check_training,
        "embed": lambda answer: check_embeddings(answer, size, len(call.labelled)),
        "score": lambda answer: check_scores(answer, size),
        "select": lambda answer: check_picks(answer, size, subject.problem().n),
    }
    if call.answer is None or isinstance(call.answer, BaseException):
        return ""
    try:
        checks[call.stage](call.answer)
    except PluginError as error:
        return str(error)
    return ""


def _ends(scores: Tensor) -> list[float]:
    """The smallest and the largest finite score, where there is any."""
    finite = scores[scores.isfinite()]
    return [float(end) for end in finite.aminmax()] if len(finite) else []


def _bad_number(call: Call) -> str:
    """Which number of an answer is none, or ""."""
    answer = call.answer
    if call.stage == "score" and isinstance(answer, Tensor) and answer.is_floating_point():
        bad = int((answer.isnan() | (answer == torch.inf)).sum())
        return f"{bad} of {len(answer)} scores are NaN or +inf" if bad else ""
    if call.stage == "train" and isinstance(answer, TrainResult) and answer.loss != answer.loss:
        return "the loss is NaN"
    if call.stage == "embed" and isinstance(answer, Embeddings):
        for name, points in zip(("pool", "labelled"), answer, strict=True):
            if isinstance(points, Geometry):
                points = points.squared_norms()
            if isinstance(points, Tensor) and not torch.isfinite(points).all():
                return f"the embedding of the {name} has NaN or infinite numbers"
    return ""
