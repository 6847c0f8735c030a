"""Whether to go on labelling, in words: three facts, and what they say together.

The facts are the estimated accuracy with its interval, what the last labels gained on the same audit samples,
and whether the network still changes its mind (Bloodgood and Vijay-Shanker, CoNLL 2009, arXiv 1409.5165).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alframe.labelling.estimates import Interval, paired_gain

SETTLED = 0.99  # Cohen's kappa of successive networks from which on their answers count as the same
WORTH_IT = 0.03  # of accuracy: the most that the last labels may have gained where stopping is reasonable
FEW = 30  # audit samples below which an estimate is named a first one


@dataclasses.dataclass(frozen=True)
class Gain:
    """What some labels have changed.

    Attributes:
        labels: how many labels the later network had more.
        accuracy: by how much the accuracy changed, on samples that both networks classified.
    """

    labels: int
    accuracy: Interval


class Track:
    """The networks so far by their answers on audit samples, to say what the last labels gained."""

    def __init__(self) -> None:
        self._answers: list[tuple[int, dict[int, int]]] = []

    def add(self, labels: int, answers: Mapping[int, int]) -> None:
        """Notes a network.

        Args:
            labels: how many it was trained on.
            answers: the class that it gives each audit sample, by position.
        """
        self._answers.append((labels, dict(answers)))

    def gain(self, truth: Mapping[int, int], labels: int = 100) -> Gain | None:
        """What the last labels gained; None before there are so many, or an audit sample has a label.

        Args:
            truth: labels of audit samples, by position.
            labels: at least how many; the network before them is the newest that knew none of them.
        """
        if not self._answers:
            return None
        now, after = self._answers[-1]
        earlier = [one for one in self._answers if one[0] <= now - labels]
        if not earlier:
            return None
        then, before = earlier[-1]
        known = [one for one in truth if one in before and one in after]
        if not known:
            return None
        was, now_right = ([answers[one] == truth[one] for one in known] for answers in (before, after))
        gained = sum(new and not old for old, new in zip(was, now_right, strict=True))
        lost = sum(old and not new for old, new in zip(was, now_right, strict=True))
        return Gain(now - then, paired_gain(gained, lost, len(known)))


def reached(estimate: Interval | None, until: float | None) -> bool:
    """Whether the accuracy is at least ``until``, as surely as the interval says: its lower end is."""
    return estimate is not None and until is not None and estimate.low >= until


def advise(
    estimate: Interval | None,
    gain: Gain | None = None,
    kappa: float | None = None,
    until: float | None = None,
) -> list[str]:
    """The facts in words, and last what they say together, if they do.

    Args:
        estimate: the accuracy.
        gain: what the last labels gained.
        kappa: Cohen's kappa of the answers of the last two networks.
        until: the accuracy that is wanted.
    """
    facts = [
        _of_accuracy(estimate),
        _of_gain(gain),
        _of_kappa(kappa),
        _together(estimate, gain, kappa, until),
    ]
    return [fact for fact in facts if fact]


def _of_accuracy(estimate: Interval | None) -> str:
    if estimate is None:
        return "no audit sample has a label yet: there is no estimate of the accuracy"
    first = "a first estimate, " if estimate.count < FEW else ""
    samples = "sample" if estimate.count == 1 else "samples"
    return (
        f"the accuracy is about {estimate.estimate:.2f} ({first}{estimate.low:.2f} to {estimate.high:.2f}, "
        f"{estimate.count} audit {samples})"
    )


def _of_gain(gain: Gain | None) -> str:
    if gain is None:
        return ""
    low, high = 100 * gain.accuracy.low, 100 * gain.accuracy.high
    return f"the last {gain.labels} labels changed the accuracy by {low:+.1f} to {high:+.1f} points"


def _of_kappa(kappa: float | None) -> str:
    if kappa is None:
        return ""
    state = "have settled" if kappa >= SETTLED else "still change"
    return f"the model's answers {state} (kappa {kappa:.3f})"


def _together(estimate: Interval | None, gain: Gain | None, kappa: float | None, until: float | None) -> str:
    if reached(estimate, until):
        return f"the accuracy that was wanted, {until:g}, is reached: stopping is reasonable"
    if until is not None and estimate is not None and estimate.high < until:
        return f"the accuracy that was wanted, {until:g}, is not reached: go on"
    if gain is not None and gain.accuracy.low > 0:
        return "labels still pay: go on"
    if gain is not None and kappa is not None and kappa >= SETTLED and gain.accuracy.high <= WORTH_IT:
        return "stopping is reasonable"
    if until is not None and estimate is not None:
        return f"whether {until:g} is reached can't be told yet: more audit samples would tell"
    return ""
