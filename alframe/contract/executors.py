"""What plugins offer to ``alframe run --executor``: an engine that starts trials on other machines."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from alframe.errors import PluginError

JobState = Literal["waiting", "running", "ended"]


@dataclasses.dataclass(frozen=True)
class Job:
    """How a job stands, as its engine has it.

    Args:
        state: "waiting", "running" or "ended", be it well or not.
        note: why it waits, or how it ended, with the place of what it wrote; "" where nobody knows.

    Raises:
        PluginError: the state is something else.
    """

    state: JobState
    note: str = ""

    def __post_init__(self) -> None:
        """Checks the state."""
        if self.state not in get_args(JobState):
            raise PluginError(f"a job is {', '.join(get_args(JobState))}, got {self.state!r}")


class Jobs(Protocol):
    """An engine in hand. What becomes of a trial is read from its folder, and never asked of the engine.

    A `UsageError` that it raises is shown to the user as it is.
    """

    def submit(self, tasks: Sequence[Path]) -> Sequence[str]:
        """Starts what runs each task: the command `work_command` of it, or `work` in a process of its own.

        An engine starts the job of a machine that died again; the trial goes on after its last round.

        Args:
            tasks: the files, in a folder that all machines see.

        Returns:
            The name of each task's job, by which another process finds it, too. Several may have one.
        """

    def look(self, names: Sequence[str]) -> Sequence[Job]:
        """How jobs stand. Called again and again; one that nobody knows any more has ended.

        Args:
            names: what `submit` gave, here or in an earlier process.
        """

    def cancel(self, names: Sequence[str]) -> None:
        """Ends jobs, also those that wait.

        Args:
            names: as in `look`.
        """


@dataclasses.dataclass(frozen=True)
class ExecutorInfo:
    """An engine that runs trials elsewhere, offered through ``alframe_executors``.

    Its options are those of the plugin, `PluginInfo.options`: ``-o NAME.key=value``.

    Args:
        summary: one line.
        open: makes the `Jobs` of the options and of the tasks' folder, where it may leave files of its own;
            raises `UsageError` where the engine can't be had.
        outlives: whether jobs go on when the command that started them has ended. Then ``--detach`` may be
            given; else jobs are cancelled at its end.
        seconds: between two looks at jobs and folders.
    """

    summary: str
    open: Callable[[Any, Path], Jobs]
    outlives: bool = False
    seconds: float = 2.0


def work_command(task: str | os.PathLike[str]) -> list[str]:
    """The command that runs a task, by the Python of this process; it needs no shell.

    Args:
        task: the file.
    """
    command = [sys.executable, "-m", "alframe_cli", "work", os.fspath(task)]
    return [*command, "--display", "plain"]
