"""Trials in one process: one alone, or several round by round, whose networks are trained at once."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

from alframe import seeds
from alframe.contract.recipe import TrainResult
from alframe.contract.trial import Round, RunSummary
from alframe.errors import AlframeError
from alframe.experiments.cost import Cost, measured
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import End, guarded, is_in_use
from alframe.experiments.executors.messages import Reporter
from alframe.experiments.open_trial import OpenTrial
from alframe.experiments.randomness import OwnRandomness
from alframe.experiments.trial_loop import data_of
from alframe.experiments.trials import Trial
from alframe.learning.together import fit_together

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Place:
    """One of the trials that are run.

    Attributes:
        seed: the trial's.
        trial: gives the trial, which may have to be resolved.
        reporter: told how it goes.
    """

    seed: int
    trial: Callable[[], Trial]
    reporter: Reporter


def in_step(
    places: Sequence[Place], data: LoadedData, audience: Audience, *, force: bool = False
) -> Generator[tuple[int, End], None, None]:
    """Runs trials of one setting round by round: all query, all are trained, all are tested.

    Each has random states of its own, and what one raises costs that one alone. It gives what it gives alone,
    but for the rounding of trainings done at once.

    Args:
        places: the trials.
        data: where their data set is loaded.
        audience: who hears of the events.
        force: whether they start anew.

    Yields:
        The number of a trial that has ended, and how.
    """
    with contextlib.ExitStack() as stack:
        members = [_Member(number, place, stack) for number, place in enumerate(places)]
        for member in members:
            member.do(functools.partial(member.open, data, audience, force))
        yield from _ends(members)
        while running := [member for member in members if member.is_running]:
            for member in running:
                member.do(member.opened.begin)
            _train([member for member in running if member.is_running])
            yield from _ends(members)


def _ends(members: Sequence[_Member]) -> Iterator[tuple[int, End]]:
    for member in members:
        if (
            member.is_running
            and not member.opened.has_rounds_left
            and (summary := member.do(member.opened.finish)) is not None
        ):
            member.close(summary)
        if member.end is not None and not member.is_told:
            member.is_told = True
            yield member.number, member.end


def _train(members: Sequence[_Member]) -> None:
    """Trains, tests and ends the round of each."""
    fits = _fits_at_once(members) if len(members) > 1 else None
    tested: list[tuple[_Member, Round]] = []
    for number, member in enumerate(members):
        fit = fits[number] if fits is not None else member.do(member.opened.fit)
        if isinstance(fit, AlframeError):
            member.close(fit)
        elif fit is not None:
            done = member.do(functools.partial(member.opened.tested, *fit))
            tested += [] if done is None else [(member, done)]
    names = tuple(member.opened.trial.place for member, _ in tested) if fits is not None else ()
    for member, done in tested:
        member.do(functools.partial(member.opened.end, dataclasses.replace(done, together=names)))


def _fits_at_once(members: Sequence[_Member]) -> list[tuple[TrainResult, Cost] | AlframeError] | None:
    """How each training went, and an equal share of the time of all; None where each is to be alone."""
    first = members[0]

    def fit() -> list[tuple[TrainResult, Cost] | AlframeError] | None:
        with measured(first.opened.learner.device) as cost:
            results = fit_together([member.opened.learner for member in members])
        if results is None:
            return None
        share = dataclasses.replace(cost, seconds=cost.seconds / len(members))
        return [one if isinstance(one, AlframeError) else (one, share) for one in results]

    fits = guarded(fit, OwnRandomness(0), first.note)
    return None if isinstance(fits, AlframeError) else fits


class _Member:
    """A trial among those that are run.

    Attributes:
        number: its place.
        opened: the trial in hand, once it is opened.
        end: how it ended, or None.
        is_told: whether that is told.
    """

    opened: OpenTrial

    def __init__(self, number: int, place: Place, stack: contextlib.ExitStack) -> None:
        self.number = number
        self.end: End | None = None
        self.is_told = False
        self.note = place.reporter.note
        self._place = place
        self._tell_of_failure: Callable[[AlframeError], None] = lambda error: None
        self._randomness = OwnRandomness(seeds.derive(place.seed, "trial"))
        self._lock = stack.enter_context(contextlib.ExitStack())
        stack.callback(place.reporter.let_go)

    @property
    def is_running(self) -> bool:
        return self.end is None

    def open(self, data: LoadedData, audience: Audience, force: bool) -> None:
        """Takes the trial, and loads what there is of it."""
        trial = self._place.trial()
        self._place.reporter.takes(trial)
        dataset = data_of(trial, data, force=force)
        opened = OpenTrial(trial, self._place.reporter, audience, force=force)
        self.opened = self._lock.enter_context(opened)
        self._tell_of_failure = opened.fail
        opened.load(dataset)

    def do(self, step: Callable[[], T]) -> T | None:
        """Does a step of the trial; whatever is raised in it ends the trial, and the answer is None."""
        result = guarded(step, self._randomness, self.note)
        if isinstance(result, AlframeError):
            self.close(result)
            return None
        return result

    def close(self, end: RunSummary | AlframeError) -> None:
        """Ends the trial, and lets its folder go."""
        self.end = end
        if isinstance(end, AlframeError) and not is_in_use(end):
            self._tell_of_failure(end)
        self._place.reporter.trial_ended(end)
        self._lock.close()
