"""What is told of a trial by whoever runs it, here or in another process. All of it is plain data."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Protocol

from alframe.contract.trial import Round
from alframe.errors import AlframeError, one_line
from alframe.experiments.executors.executor import End, ListenerFault, is_in_use
from alframe.experiments.trials import Listener, Trial
from alframe.records.live import Signs

PROGRESS_SECONDS = 0.1  # between two reports of the work inside a round


class Message(Protocol):
    """Something to be passed on to the listener."""

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener, who sees the trial itself."""
        ...


@dataclasses.dataclass(frozen=True)
class Started:
    """A trial starts, or goes on after some rounds."""

    rounds_done: int
    finished: bool

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener."""
        listener.trial_started(trial, self.rounds_done, self.finished)


@dataclasses.dataclass(frozen=True)
class Progress:
    """Work inside a round."""

    stage: str
    done: int
    total: int

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener."""
        listener.progress(trial, self.stage, self.done, self.total)


@dataclasses.dataclass(frozen=True)
class RoundFinished:
    """A round is on disk."""

    done: Round

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener."""
        listener.round_finished(trial, self.done)


@dataclasses.dataclass(frozen=True)
class Note:
    """Something worth knowing that is no error."""

    text: str

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener."""
        listener.note(self.text)


@dataclasses.dataclass(frozen=True)
class Dropped(Note):
    """An event plugin has failed and hears no more of the run, in whichever process."""

    plugin: str


@dataclasses.dataclass(frozen=True)
class Ended:
    """The trial's end: the last message."""

    end: End

    def tell(self, listener: Listener, trial: Trial) -> None:
        """Tells the listener of a summary; whoever runs the trials decides what a failure means."""
        if not isinstance(self.end, Exception):
            listener.trial_finished(trial, self.end)


class Reporter(Listener):
    """A listener that makes messages of what it hears; the end is told by who runs the trials.

    Args:
        send: takes the messages.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._reported = 0.0
        self._rounds = 0
        self._signs: Signs | None = None

    def takes(self, trial: Trial) -> None:
        """The trial that it will hear of: it is resolved, and not yet begun."""
        self._signs = Signs(trial.folder)

    def trial_ended(self, end: End) -> None:
        """How it ended, while nobody else can have it."""
        if self._signs is None:
            return
        self.let_go()
        if not isinstance(end, AlframeError):
            self._signs.succeed()
        elif not is_in_use(end):
            self._signs.fail(one_line(end))

    def let_go(self) -> None:
        """The trial is run no more, be it interrupted."""
        if self._signs is not None:
            self._signs.end()

    def trial_started(self, trial: Trial, rounds_done: int, finished: bool) -> None:
        """Passes it on."""
        self._rounds = rounds_done
        if self._signs is not None and not finished:
            self._signs.succeed()
            self._signs.tell(rounds_done)
        self._send(Started(rounds_done, finished))

    def progress(self, trial: Trial, stage: str, done: int, total: int) -> None:
        """Passes it on, but not each of many steps.

        Raises:
            TypeError: the plugin counts with something else than numbers; likewise ValueError, OverflowError.
        """
        done, total = int(done), int(total)
        now = time.monotonic()
        if done == total or now - self._reported > PROGRESS_SECONDS:
            self._reported = now
            if self._signs is not None:
                self._signs.tell(self._rounds, str(stage), done, total)
            self._send(Progress(stage, done, total))

    def round_finished(self, trial: Trial, done: Round) -> None:
        """Passes it on."""
        self._rounds = done.round + 1
        if self._signs is not None:
            self._signs.tell(self._rounds)
        self._send(RoundFinished(done))

    def note(self, text: str) -> None:
        """Passes it on."""
        self._send(Note(text))

    def dropped(self, plugin: str, text: str) -> None:
        """An event plugin has failed."""
        self._send(Dropped(text, plugin))


class Relay:
    """Hands messages to the listener, and keeps its faults apart from those of the trial.

    Args:
        listener: the display.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._fault: Exception | None = None

    def send(self, trial: Trial, message: Message) -> None:
        """Tells the listener.

        Args:
            trial: whom the message is of.
            message: it.

        Raises:
            ListenerFault: it raised something. Inside a plugin's work it would be taken for the plugin's, so
                a fault at a step of that is raised with the next message.
        """
        try:
            if self._fault is not None:
                raise self._fault
            message.tell(self._listener, trial)
        except Exception as error:
            self._fault = error
            if not isinstance(message, Progress):
                raise ListenerFault(error) from error
