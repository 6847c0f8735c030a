"""What the events of a journal amount to: who says what of each sample, and what is settled."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from alframe.labelling.classes import Classes
from alframe.labelling.events import UNDOABLE, Event


@dataclasses.dataclass(frozen=True)
class Labelled:
    """The label of a sample.

    Args:
        label: name of the class.
        by: who gave it.
        at: when, in UTC.
        n: number of the event.
    """

    label: str
    by: str
    at: str
    n: int


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """A sample that people label differently.

    Args:
        position: the sample.
        votes: what each says.
    """

    position: int
    votes: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What somebody said of a sample; ``number`` is the class's, None for skip and unsure."""

    event: Event
    number: int | None


@dataclasses.dataclass(frozen=True)
class _Verdict:
    """Where a sample stands: the answer that counts, or nothing where people disagree."""

    answer: Answer | None
    is_disputed: bool = False


class State:
    """The events so far, folded in order.

    Where one person sees a sample, the latest answer counts, whoever gave it: somebody corrected it. Where
    two are to see it, each has a vote: unlike votes leave it open until somebody adjudicates, or until more
    than half of three or more agree. A later label of somebody overrules an adjudication.

    Args:
        classes: those to begin with; the events change them.
        position_of: the position of a sample's id, None where there is no such sample.
        is_shared: whether two people are to see the sample at a position.

    Attributes:
        classes: as they are now.
        skipped: positions whose latest answer is a skip.
        unsure: positions whose latest answer is "unsure".
        half_seen: positions that two are to see and one has answered.
        counts: labels that each person gave and did not undo.
    """

    def __init__(
        self,
        classes: Classes,
        position_of: Callable[[str | None], int | None],
        is_shared: Callable[[int], bool],
    ) -> None:
        self.classes = classes
        self.skipped: set[int] = set()
        self.unsure: set[int] = set()
        self.half_seen: set[int] = set()
        self.counts: Counter[str] = Counter()
        self._position_of = position_of
        self._is_shared = is_shared
        self._answers: dict[int, list[Answer]] = {}  # those not undone, in order
        self._of_person: dict[str, list[tuple[int, int]]] = {}  # n and position, for undo
        self._settled: dict[int, Answer] = {}
        self._disputed: set[int] = set()

    def apply(self, event: Event) -> str:
        """Takes an event in.

        Returns:
            Why it means nothing, as it may where the journal was edited by hand; else "".
        """
        if event.event in UNDOABLE:
            return self._answer(event)
        if event.event == "undo":
            return self._undo(event)
        return self._change_classes(event)

    @property
    def labels(self) -> dict[int, Labelled]:
        """The settled label of each position that has one, in the order in which they came."""
        name = self.classes.name
        return {
            position: Labelled(name(a.number), a.event.by, a.event.at, a.event.n)
            for position, a in self._settled.items()
            if a.number is not None
        }

    @property
    def numbers(self) -> dict[int, int]:
        """As `labels`, the class's place in the order instead."""
        index = self.classes.indices()
        return {p: index[a.number] for p, a in self._settled.items() if a.number is not None}

    def of_class(self) -> dict[str, int]:
        """How many settled labels each class has, by name."""
        counts = Counter(answer.number for answer in self._settled.values())
        return {self.classes.name(number): counts[number] for number in self.classes.indices()}

    def is_labelled(self, position: int) -> bool:
        """Whether the sample has a settled label."""
        return position in self._settled

    @property
    def labelled(self) -> int:
        """How many samples have a settled label."""
        return len(self._settled)

    def disagreements(self) -> list[Disagreement]:
        """The samples that wait for somebody to adjudicate, by position."""
        return [Disagreement(position, self.votes(position)) for position in sorted(self._disputed)]

    def votes(self, position: int) -> dict[str, str]:
        """The class that each person gives the sample, by name."""
        answers = self._current(position)
        return {p: self.classes.name(a.number) for p, a in answers.items() if a.number is not None}

    def answered_by(self, position: int) -> set[str]:
        """Who has said something of the sample."""
        return {answer.event.by for answer in self._answers.get(position, ())}

    def answers(self) -> Iterator[tuple[int, Answer]]:
        """Every answer that stands, the latest of each person on each sample."""
        for position in self._answers:
            for answer in self._current(position).values():
                yield position, answer

    @property
    def answered(self) -> Iterable[int]:
        """Positions of which anybody has said anything."""
        return self._answers.keys()

    def last_of(self, person: str) -> int | None:
        """Number of the person's last answer that is not undone."""
        mine = self._of_person.get(person)
        return mine[-1][0] if mine else None

    def holds(self, name: str) -> int:
        """How many answers stand that give this class."""
        number = self.classes.number(name)
        return sum(answer.number == number for answers in self._answers.values() for answer in answers)

    def _answer(self, event: Event) -> str:
        position = self._position_of(event.sample)
        if position is None:
            return f"there is no sample {event.sample!r}"
        number = None
        if event.event in ("label", "adjudicate"):
            number = self.classes.find(event.label)
            if number is None:
                return f"there is no class {event.label!r}"
        self._answers.setdefault(position, []).append(Answer(event, number))
        self._of_person.setdefault(event.by, []).append((event.n, position))
        self._settle(position)
        if event.event == "label":
            self.counts[event.by] += 1
        return ""

    def _undo(self, event: Event) -> str:
        mine = self._of_person.get(event.by, [])
        for place in range(len(mine) - 1, -1, -1):  # nearly always the last
            n, position = mine[place]
            if n == event.of:
                break
        else:
            return f"{event.by} has no answer {event.of} that could be undone"
        del mine[place]
        answers = self._answers[position]
        row = next(row for row, answer in enumerate(answers) if answer.event.n == n)
        self.counts[event.by] -= answers.pop(row).event.event == "label"
        if not answers:
            del self._answers[position]
        self._settle(position)
        return ""

    def _change_classes(self, event: Event) -> str:
        classes = self.classes
        number, other = classes.find(event.label), classes.find(event.to)
        if event.event == "class-add":
            if number is None and event.label:
                classes.add(event.label, event.key)
            return "" if event.label else "it names no class"
        if number is None:
            return f"there is no class {event.label!r}"
        if event.event == "class-key":
            classes.set_key(number, event.key or "")
        elif event.event == "class-rename":
            if other not in (None, number) or not event.to:
                return f"a class can't be renamed to {event.to!r}"
            classes.rename(number, event.to)
        elif event.event == "class-merge":
            if other in (None, number):
                return f"a class can't be merged into {event.to!r}"
            self._merge(number, other)
        elif self.holds(event.label or ""):
            return f"class {event.label!r} has labels"
        else:
            classes.remove(number)
        return ""

    def _merge(self, number: int, other: int | None) -> None:
        for position, answers in self._answers.items():
            if any(answer.number == number for answer in answers):
                answers[:] = [
                    dataclasses.replace(answer, number=other) if answer.number == number else answer
                    for answer in answers
                ]
                self._settle(position)
        self.classes.remove(number)

    def _current(self, position: int) -> dict[str, Answer]:
        """The latest answer of each person, without adjudications."""
        return {a.event.by: a for a in self._answers.get(position, ()) if a.event.event != "adjudicate"}

    def _settle(self, position: int) -> None:
        for places in (self.skipped, self.unsure, self._disputed):
            places.discard(position)
        self._settled.pop(position, None)
        self.half_seen.discard(position)
        if self._is_shared(position) and len(self.answered_by(position)) == 1:
            self.half_seen.add(position)
        verdict = self._verdict(position)
        if verdict.is_disputed:
            self._disputed.add(position)
        elif verdict.answer is not None:
            event = verdict.answer.event.event
            if verdict.answer.number is not None:
                self._settled[position] = verdict.answer
            else:
                (self.skipped if event == "skip" else self.unsure).add(position)

    def _verdict(self, position: int) -> _Verdict:
        answers = self._answers.get(position)
        if not answers:
            return _Verdict(None)
        if not self._is_shared(position) or answers[-1].event.event == "adjudicate":
            return _Verdict(answers[-1])
        adjudged = [answer for answer in answers if answer.event.event == "adjudicate"]
        if adjudged:
            later = [a for a in answers if a.event.n > adjudged[-1].event.n and a.number is not None]
            return _Verdict((later or adjudged)[-1])
        votes = [answer for answer in self._current(position).values() if answer.number is not None]
        if not votes:
            return _Verdict(answers[-1])
        (winner, count), *others = Counter(vote.number for vote in votes).most_common()
        if others and not (len(votes) > 2 and 2 * count > len(votes)):
            return _Verdict(None, is_disputed=True)
        return _Verdict([vote for vote in votes if vote.number == winner][-1])
