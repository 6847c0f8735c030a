"""Tasks that are files, worked on one after another: what ``alframe work`` does on any machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from alframe.contract.trial import RunSummary
from alframe.errors import AlframeError, one_line
from alframe.experiments.configuration import Sections
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import End, ListenerFault, is_in_use
from alframe.experiments.executors.messages import Dropped, Ended, Message, Note, Relay
from alframe.experiments.executors.performer import Performer
from alframe.experiments.tasks import WrittenTask, read_task
from alframe.experiments.trials import Listener, Trial
from alframe.records.lease import Patience, patient
from alframe.records.live import Signs
from alframe.registry.process import no_way_out
from alframe.registry.registry import Registry, installed

SECONDS_BETWEEN = 1.0  # two tries to have a trial that another process has


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        task: it.
        end: the trial's summary, or why it failed.
    """

    task: WrittenTask
    end: End

    @property
    def is_in_use(self) -> bool:
        """Whether the trial was left alone, as another process runs it."""
        return is_in_use(self.end)

    @property
    def state(self) -> str:
        """``done``, ``failed`` or ``in use``."""
        if self.is_in_use:
            return "in use"
        return "failed" if isinstance(self.end, AlframeError) else "done"


class Worker:
    """Turns tasks into finished trials, in this process.

    Args:
        registry: the plugins.
        listener: told how the trials go.
    """

    def __init__(self, registry: Registry, listener: Listener) -> None:
        self._listener = listener
        self._patience = Patience(waits=True)
        self._found: Trial | None = None
        audience = Audience(registry, lambda key, text: self._send(0, Dropped(text, key)))
        self._performer = Performer(registry, audience)

    def work(self, paths: Sequence[Path], *, any_: bool = False) -> Iterator[Outcome]:
        """Works on tasks; what has been done of a trial stays done.

        A trial that another machine has is waited for until that gives another sign of life, or its lease is
        over; then it goes on here.

        Args:
            paths: the tasks' files.
            any_: whether what is free comes first, and what others have is waited for at the end.

        Raises:
            UsageError: a file is no task: nothing of it is known, so that the others wait.
        """
        later = []
        self._patience.waits = not any_
        for path in paths:
            outcome = self._outcome(path)
            if any_ and outcome.is_in_use:
                later.append(path)
            else:
                yield outcome
        self._patience.waits = True
        for path in later:
            yield self._outcome(path)

    def _outcome(self, path: Path) -> Outcome:
        task = read_task(path)
        with patient(self._patience):
            outcome = Outcome(task, self._end_of(task, path))
        if outcome.state == "failed" and self._found is not None:
            assert isinstance(outcome.end, AlframeError)
            self._listener.trial_failed(self._found, outcome.end)
        return outcome

    def _end_of(self, task: WrittenTask, path: Path) -> End:
        """Runs a trial, where relative paths are meant from, if there is such a folder here."""
        self._found = None
        self._relay = Relay(self._listener)
        work = _Remembered(self, task)
        force = task.starts_anew(path.absolute())
        try:
            with contextlib.ExitStack() as stack:
                with contextlib.suppress(OSError):
                    stack.enter_context(contextlib.chdir(task.directory))
                ends = self._performer.perform([work], self._send, force=force)
                stack.enter_context(contextlib.closing(ends))
                with no_way_out():
                    _, end = next(ends)
                self._send(0, Ended(end))
                if self._found is None and isinstance(end, AlframeError):  # nobody else knows its folder
                    Signs(task.folder).fail(one_line(end))
        except ListenerFault as fault:
            raise fault.error from None
        return end

    def _send(self, number: int, message: Message) -> None:
        if self._found is not None:
            self._relay.send(self._found, message)
        elif isinstance(message, Note):
            self._listener.note(message.text)

    def remember(self, trial: Trial) -> None:
        """Takes note of the trial that is run: the listener sees it."""
        self._found = trial


def work(task: str | os.PathLike[str], *, patience: float = 0.0) -> RunSummary:
    """Runs a task in this process, as ``alframe work`` does: what an executor calls on another machine.

    What was done of its trial before stays done.

    Args:
        task: the file, one of those that `Jobs.submit` is given.
        patience: seconds to wait for another process that runs the trial: one that an engine has given up may
            live for a moment.

    Returns:
        What came of the trial, which is in its folder.

    Raises:
        UsageError: the file is no task, or the trial can't run here.
        TrialError: the trial failed, or another process runs it.
        PluginError: a plugin is broken.
    """
    worker = Worker(installed(), Listener())
    deadline = time.monotonic() + patience
    while True:
        [outcome] = worker.work([Path(task)])
        if not outcome.is_in_use or time.monotonic() >= deadline:
            break
        time.sleep(SECONDS_BETWEEN)
    end = outcome.end
    if isinstance(end, AlframeError):
        raise end
    return end


@dataclasses.dataclass(frozen=True)
class _Remembered:
    """A task whose trial the worker knows once it is resolved."""

    worker: Worker
    task: WrittenTask

    @property
    def seed(self) -> int:
        return self.task.task.seed

    @property
    def sections(self) -> Sections:
        return self.task.task.sections

    def trial(self, registry: Registry, device: str | None = None) -> Trial:
        trial = self.task.trial(registry, device)
        self.worker.remember(trial)
        return trial
