"""What a process that runs a trial tells the one that asked for it. All of it is plain data."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from alframe.contract.trial import Round
from alframe.experiments.executors.executor import End
from alframe.experiments.trials import Listener, Trial


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
