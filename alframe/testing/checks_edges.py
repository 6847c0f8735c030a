"""Checks at the edges: every answer must be as sound there as anywhere."""

from __future__ import annotations

import dataclasses

import torch

from alframe.testing.kit import ANSWERS, QUERY, CheckFailedError, check
from alframe.testing.problems import Problem, blank_rows, identical_rows, without_a_class
from alframe.testing.subject import Answer, Subject


@check(*QUERY, after=ANSWERS)
def budget_of_one(subject: Subject) -> None:
    """Of a budget of one sample one is chosen, and not left to the engine to draw."""
    for answer in _solve(subject, subject.problem(n=1)):
        if answer.picks is not None and not len(answer.picks):
            raise CheckFailedError("nothing was chosen")


@check(*QUERY, after=ANSWERS)
def budget_of_the_whole_pool(subject: Subject) -> None:
    """A budget of as many samples as there are does no harm; what is not chosen the engine fills up."""
    _solve(subject, subject.problem(n=40, N=40))


@check(*QUERY, "train", after=ANSWERS)
def one_labelled_sample(subject: Subject) -> None:
    """One labelled sample is enough, to query and to train."""
    _solve(subject, subject.problem(L=1))


@check(*QUERY, after=ANSWERS)
def starts_without_labels(subject: Subject) -> None:
    """What says that it can start without labels does, by the features alone: the head was never trained."""
    if not subject.plugin.info.cold_start:
        return
    for one, other in zip(
        _solve(subject, subject.problem(L=0)),
        _solve(subject, subject.problem(L=0, head_scale=2.0)),
        strict=True,
    ):
        if one.picks is None or not len(one.picks):
            raise CheckFailedError("nothing was chosen")
        if other.picks is None or not torch.equal(one.picks, other.picks):
            raise CheckFailedError("another head, and other samples were chosen")


@check("select", after=ANSWERS)
def others_are_labelling(subject: Subject) -> None:
    """Samples may be pending, one or many: they are not in the pool, and the picks are of the pool."""
    problem = subject.problem()
    for pending in (1, problem.pool_size - problem.n - 1):
        subject.query(problem, pending=pending)


@check(*QUERY, "train", after=ANSWERS)
def a_class_without_labels(subject: Subject) -> None:
    """A class may have no labelled sample."""
    _solve(subject, without_a_class(subject.problem()))


@check(*QUERY, "train", after=ANSWERS)
def two_classes(subject: Subject) -> None:
    """There may be two classes only."""
    _solve(subject, subject.problem(C=2))


@check(*QUERY, "train", after=ANSWERS)
def same_samples(subject: Subject) -> str:
    """All samples may be the same; a remark where a selector chooses the same of them whatever the seed."""
    first, second = (answer.picks for answer in _solve(subject, identical_rows(subject.problem())))
    if "select" not in subject.plugin.stages or first is None or second is None:
        return ""
    if len(first) and torch.equal(first, second):
        return "among equals the order of the file decides: draw them by ctx.generator"
    return ""


@check(*QUERY, "train", after=ANSWERS)
def dead_features(subject: Subject) -> None:
    """All features of a sample may be zero."""
    _solve(subject, blank_rows(subject.problem()))


@check(*QUERY, after=ANSWERS)
def saturated_probabilities(subject: Subject) -> None:
    """The network may be so sure that its probabilities are exactly 0 and 1."""
    _solve(subject, subject.problem(head_scale=2.0**13))


@check(*QUERY, after=ANSWERS)
def constant_probabilities(subject: Subject) -> None:
    """The network may know nothing: all its probabilities are the same."""
    _solve(subject, subject.problem(head_scale=0.0))


def _solve(subject: Subject, problem: Problem) -> list[Answer]:
    """Asks twice, so that what depends on a draw has two chances to fail."""
    answers = [subject.ask(dataclasses.replace(problem), seed) for seed in (0, 1)]
    for answer in answers:
        bad = [name for name, value in (answer.weights or {}).items() if not torch.isfinite(value).all()]
        if bad:
            raise CheckFailedError(f"after training there are NaN or infinite weights: {', '.join(bad)}")
    return answers
