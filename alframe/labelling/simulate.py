"""People replaced by known labels: how good a session would become, without a server or a page.

Each step an oracle labels a batch of what the learner's newest answer puts first. With a lag it labels what
was put first some answers ago, as people do while a network is being trained.
"""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Callable, Iterable, Sequence

from alframe.labelling.learner_process import Message, Request


@dataclasses.dataclass(frozen=True)
class Step:
    """A model of a simulated session.

    Attributes:
        labels: how many it was trained on.
        accuracy: its share of right answers on the audit samples.
    """

    labels: int
    accuracy: float


def simulate(
    answer: Callable[[Request], Iterable[Message]],
    truth: Sequence[int],
    audit: Sequence[int],
    *,
    first: int,
    batch: int,
    labels: int,
    lag: int = 0,
    seed: int = 0,
) -> list[Step]:
    """Labels a session's samples by their known classes.

    Args:
        answer: the learner, as `alframe.labelling.learning.Learning`.
        truth: the class of each sample, by position.
        audit: positions of the audit samples.
        first: labels drawn at random to begin with.
        batch: labels between two answers.
        labels: labels in the end.
        lag: how many answers later picks are labelled.
        seed: of the first labels.
    """
    classes, apart = max(truth) + 1, set(audit)
    order = [position for position in range(len(truth)) if position not in apart]
    random.Random(f"{seed} first").shuffle(order)
    known = order[:first]
    queue: collections.deque[list[int]] = collections.deque(
        _shown_first(order, known, batch, number) for number in range(lag)
    )
    steps: list[Step] = []
    while True:
        pending = [position for ahead in queue for position in ahead]
        request = Request(known, [truth[p] for p in known], classes, pending, batch)
        *_, model = answer(request)
        if model.audit:
            right = sum(model.audit[position] == truth[position] for position in audit)
            steps.append(Step(len(known), right / len(audit)))
        if len(known) >= labels or not (model.picks or pending):
            return steps
        queue.append(list(model.picks))
        known = [*known, *queue.popleft()]


def _shown_first(order: Sequence[int], known: Sequence[int], batch: int, number: int) -> list[int]:
    """What is shown before there is an answer: the next of a random order."""
    start = len(known) + number * batch
    return list(order[start : start + batch])
