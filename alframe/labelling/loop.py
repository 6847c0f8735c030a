"""What the model says while people label: the order of samples, suggestions, the estimated accuracy.

It stands between the session and the process that learns. A label never waits for that: it may be busy, dead
or absent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from alframe.labelling.advice import Track, advise, reached
from alframe.labelling.estimates import Interval, lure, wilson

FEWEST_PICKS = 64  # samples that are asked for at least, so that the queue outlasts a fit
SHOWN = 64  # samples that are taken to be on somebody's page


class Answer(Protocol):
    """What the process tells; see `alframe.labelling.learner_process.Message`."""

    kind: str
    version: int
    labels: int
    picks: Sequence[int]
    suggestions: Mapping[int, tuple[int, float]]
    audit: Mapping[int, int]
    audit_picks: Sequence[int]
    q: Sequence[float] | None
    kappa: float | None
    text: str


class Learner(Protocol):
    """The process that learns, as the server sees it. No call waits."""

    failed: str

    def send(
        self,
        positions: Sequence[int],
        classes: Sequence[int],
        num_classes: int,
        pending: Sequence[int],
        want: int,
        passed: Sequence[int],
    ) -> None:
        """Asks for a fit; an earlier request that was not read yet is replaced."""

    def poll(self) -> Iterable[Any]:
        """What was told since."""

    def close(self) -> None:
        """Ends the process."""


class Loop:
    """Asks for fits as labels come, and keeps what the newest model said.

    Args:
        session: the session.
        learner: the process that learns; None for labelling without a model.
        until: the accuracy at which labelling may end, for the advice; None for none.

    Attributes:
        picks: positions in the order in which they should be labelled; empty before the first model.
        picked: the same as a set.
        audit_picks: audit samples in the order in which they were drawn, where the audit is active.
        order: how often that order has changed.
        version: the newest model's number; 0 before the first.
        failed: why the newest request had no model for an answer; "" where it had.
        predicted: the class that it gives each audit sample. No page is told.
        notes: what the process said since the last model.
        history: of each model the labels it has learned, with the estimate at that time.
    """

    def __init__(self, session: Any, learner: Learner | None, until: float | None = None) -> None:
        self.session = session
        self.learner = learner
        self.until = until
        self.picks: list[int] = []
        self.order = 0
        self.version = 0
        self.failed = ""
        self.notes: list[str] = []
        self.history: list[dict[str, Any]] = []
        self.picked: frozenset[int] = frozenset()
        self.audit_picks: list[int] = []
        self._shown: dict[int, None] = {}
        self._learned = 0
        self._known = 0
        self._answered = False
        self._suggestions: dict[int, tuple[int, float]] = {}
        self.predicted: dict[int, int] = {}
        self._track = Track()
        self._kappa: float | None = None
        self._q: Sequence[float] | None = None
        self._estimated: tuple[Any, Interval | None] = (None, None)
        self._audit = frozenset(session.audit)
        self._changed = learner is not None

    def changed(self) -> None:
        """Labels or classes have changed: the next tick asks for a fit."""
        self._changed = self.learner is not None

    def shown(self, positions: Iterable[int]) -> None:
        """Samples that a page holds: the next picks are chosen as if they were labelled already."""
        for position in positions:
            self._shown.pop(position, None)
            self._shown[position] = None
        while len(self._shown) > SHOWN:
            self._shown.pop(next(iter(self._shown)))

    def tick(self) -> bool:
        """Hears what the process told and asks for the next fit; whether there is news."""
        if self.learner is None:
            return False
        answers = list(self.learner.poll())
        for answer in answers:
            self._hear(answer)
        is_asked = self._changed and not self.learner.failed
        if is_asked:
            self._changed = False
            positions, classes = self.session.training()
            self._known, self._answered = len(positions), False
            want = max(FEWEST_PICKS, 2 * (len(positions) - self._learned))
            pending = sorted(self._shown.keys() - set(positions) - self._audit)
            passed = sorted(self.session.skipped() | self.session.unsure())
            self.learner.send(positions, classes, len(self.session.classes), pending, want, passed)
        return bool(answers) or is_asked

    def _hear(self, answer: Answer) -> None:
        if answer.kind == "model" and answer.version:
            self.notes = []  # it is well again
        if answer.text and answer.text not in self.notes:
            self.notes = [*self.notes, answer.text][-5:]
        if answer.kind == "failure":
            self._answered, self.failed = True, answer.text
        if answer.kind != "model":
            return
        self._answered, self.failed = answer.labels == self._known, ""
        self.picks = list(answer.picks)
        self.picked = frozenset(self.picks)
        self.order += 1
        if not answer.version:
            return  # too few classes are labelled: an order, and no model
        self.version, self._learned, self._kappa = answer.version, answer.labels, answer.kappa
        self._suggestions, self.predicted = dict(answer.suggestions), dict(answer.audit)
        self.audit_picks, self._q = list(answer.audit_picks), answer.q
        self._track.add(self._learned, self.predicted)
        interval = self.interval()
        if interval is not None:
            self.history.append({"labels": self._learned, **_shown(interval)})

    def suggestion(self, position: int) -> dict[str, Any] | None:
        """The class that the model would give, with its probability; None on audit samples."""
        found = self._suggestions.get(position)
        if found is None or position in self._audit or found[0] >= len(self.session.classes):
            return None
        return {"label": self.session.classes[found[0]].name, "p": round(float(found[1]), 4)}

    def interval(self) -> Interval | None:
        """The accuracy, estimated on the audit samples that have a label; None before there are any."""
        audited = {n: place for n, place in self.session.audited().items() if n in self.predicted}
        key = self.version, tuple(audited.items())
        if key != self._estimated[0]:
            self._estimated = key, self._interval(audited)
        return self._estimated[1]

    def _interval(self, audited: Mapping[int, int]) -> Interval | None:
        right = {position: self.predicted[position] == place for position, place in audited.items()}
        if self._q is None:
            return wilson(sum(right.values()), len(right)) if right else None
        # The weights are of a draw in order: what comes behind a sample without a label has to wait.
        drawn = list(itertools.takewhile(right.__contains__, self.audit_picks))
        if not drawn:
            return None
        return lure([right[one] for one in drawn], self._q[: len(drawn)], len(self.session.audit))

    def advice(self) -> list[str]:
        """Whether to go on, in words."""
        gain = self._track.gain(self.session.audited())
        words = advise(self.interval(), gain, self._kappa, self.until)
        return words[1:]  # the accuracy itself is shown in numbers

    def model(self) -> dict[str, Any] | None:
        """The newest model: its number, the labels it learned, how many have come since."""
        if not self.version:
            return None
        behind = max(0, self._known - self._learned)
        return {"version": self.version, "labels": self._learned, "behind": behind}

    @property
    def is_current(self) -> bool:
        """Whether the model has answered to all that was labelled, and nothing new is to be expected."""
        return self._answered and not self._changed

    def facts(self) -> dict[str, Any]:
        """All that the page shows of the model."""
        failed = self.learner.failed if self.learner is not None else ""
        interval = self.interval()
        return {
            "model": self.model(),
            "accuracy": None if interval is None else _shown(interval),
            "advice": self.advice() if interval is not None else [],
            "reached": reached(interval, self.until),
            "history": self.history[-50:],
            "order": self.order,
            "failed": failed,
            "absent": self.learner is None,
            "current": self.is_current,
            "remarks": self.notes,
        }


def _shown(interval: Interval) -> dict[str, Any]:
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "audited": interval.count,
    }
