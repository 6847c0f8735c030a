"""Tasks turned into finished trials, in whichever process: the part that all executors share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from alframe.experiments.configuration import Sections
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import End
from alframe.experiments.executors.in_step import Place, in_step
from alframe.experiments.executors.messages import Message, Reporter
from alframe.experiments.trials import Trial
from alframe.registry.registry import Registry


class Work(Protocol):
    """A trial that is yet to be resolved, as `Task`."""

    @property
    def seed(self) -> int:
        """The trial's."""
        ...

    @property
    def sections(self) -> Sections:
        """Every resolved value by section."""
        ...

    def trial(self, registry: Registry, device: str | None = None) -> Trial:
        """The trial, resolved here."""
        ...


class Performer:
    """Runs tasks in this process; a data set is loaded once.

    Args:
        registry: the plugins; those that are files are added as tasks name them.
        audience: who hears of the events.
        gpu: which of several GPUs is this process's; None where there are not several.
    """

    def __init__(self, registry: Registry, audience: Audience, *, gpu: int | None = None) -> None:
        self._registry = registry
        self._audience = audience
        self._gpu = gpu
        self._data = LoadedData()

    def perform(
        self, tasks: Sequence[Work], send: Callable[[int, Message], None], *, force: bool = False
    ) -> Generator[tuple[int, End], None, None]:
        """Runs tasks in step, or one.

        Args:
            tasks: the trials, of one setting.
            send: told how they go, by the number of a task.
            force: whether they start anew.

        Yields:
            The number of a task whose trial has ended, and how.
        """
        places = [
            Place(
                task.seed,
                functools.partial(task.trial, self._registry, device_of(task, self._gpu)),
                Reporter(functools.partial(send, number)),
            )
            for number, task in enumerate(tasks)
        ]
        yield from in_step(places, self._data, self._audience, force=force)


def device_of(task: Work, gpu: int | None) -> str:
    """Of several GPUs each process has one; a device that was named stays.

    Args:
        task: knows what was asked for.
        gpu: the process's, where there are several.
    """
    asked: str = task.sections["run"]["device"]
    return asked if gpu is None or asked not in ("auto", "cuda") else f"cuda:{gpu}"
