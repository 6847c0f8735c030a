"""What the model says while people label: the order of samples, suggestions, the estimated accuracy.

It stands between the session and the process that learns. A label never waits for either: the process may be busy,
dead or absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from alframe.labelling.advice import Track, advise
from alframe.labelling.agreement import cohen_kappa
from alframe.labelling.estimates import Interval, wilson

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
    text: str


class Learner(Protocol):
    """The process that learns, as the server sees it. No call waits."""

    failed: str | None

    def send(
        self,
        positions: Sequence[int],
        classes: Sequence[int],
        num_classes: int,
        pending: Sequence[int],
        want: int,
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
        order: how often that order has changed.
        version: the newest model's number; 0 before the first.
        notes: what the process said.
        history: of each model the labels it has learned, with the estimate at that time.
    """

    def __init__(self, session: Any, learner: Learner | None, until: float | None = None) -> None:
        self.session = session
        self.learner = learner
        self.until = until
        self.picks: list[int] = []
        self.order = 0
        self.version = 0
        self.notes: list[str] = []
        self.history: list[dict[str, Any]] = []
        self.picked: frozenset[int] = frozenset()
        self._shown: dict[int, None] = {}
        self._learned = 0
        self._known = 0
        self._suggestions: dict[int, tuple[int, float]] = {}
        self._predicted: dict[int, int] = {}
        self._track = Track()
        self._kappa: float | None = None
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
        news = [self._hear(answer) for answer in self.learner.poll()]
        if self._changed and not self.learner.failed:
            self._changed = False
            news.append(None)
            positions, classes = self.session.training()
            self._known = len(positions)
            want = max(FEWEST_PICKS, 2 * (len(positions) - self._learned))
            pending = sorted(self._shown.keys() - set(positions) - self._audit)
            self.learner.send(positions, classes, len(self.session.classes), pending, want)
        return bool(news)

    def _hear(self, answer: Answer) -> None:
        if answer.kind == "note":
            self.notes = [*self.notes, answer.text][-5:]
            return
        self.picks = list(answer.picks)
        self.picked = frozenset(self.picks)
        self.order += 1
        self.version, self._learned = answer.version, answer.labels
        before = self._classified()
        self._suggestions = dict(answer.suggestions)
        self._predicted = dict(answer.audit)
        now = self._classified()
        self._kappa = cohen_kappa([(before[one], now[one]) for one in now if one in before])
        self._track.add(self._learned, self._predicted)
        interval = self.interval()
        if interval is not None:
            self.history.append({"labels": self._learned, **_shown(interval)})

    def _classified(self) -> dict[int, int]:
        """The class of each sample that the newest model told of."""
        return {position: found[0] for position, found in self._suggestions.items()} | self._predicted

    def suggestion(self, position: int) -> dict[str, Any] | None:
        """The class that the model would give, with its probability; None on audit samples: they are blind."""
        found = self._suggestions.get(position)
        if found is None or position in self._audit or found[0] >= len(self.session.classes):
            return None
        return {"label": self.session.classes[found[0]].name, "p": round(float(found[1]), 4)}

    def interval(self) -> Interval | None:
        """The accuracy, estimated on the audit samples that have a label; None before there are any."""
        audited = self.session.audited()
        known = [position for position in audited if position in self._predicted]
        if not known:
            return None
        return wilson(sum(self._predicted[one] == audited[one] for one in known), len(known))

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

    def facts(self) -> dict[str, Any]:
        """All that the page shows of the model."""
        failed = self.learner.failed if self.learner is not None else None
        interval = self.interval()
        return {
            "model": self.model(),
            "accuracy": None if interval is None else _shown(interval),
            "advice": self.advice() if interval is not None else [],
            "history": self.history[-50:],
            "order": self.order,
            "failed": failed,
            "absent": self.learner is None,
            "remarks": self.notes,
        }


def _shown(interval: Interval) -> dict[str, Any]:
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "audited": interval.count,
    }
