"""What workers of Ray run: plain code that is sent to them, so that one without alframe can say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def function() -> Callable[[str, str, int, float], str]:
    """The function of a task, which Ray sends by its code, as it is not to be found by a name."""

    def run(task: str, mark: str, threads: int, patience: float) -> str:
        """Runs a trial; why it could not, or "".

        Args:
            task: the file.
            mark: is written with the machine's name when it begins.
            threads: how many it may use.
            patience: seconds to wait for a process that has the trial.
        """
        import contextlib
        import pathlib
        import platform
        import sys

        with contextlib.suppress(OSError):
            pathlib.Path(mark).write_text(f"{platform.node()}\n")
        try:
            import torch

            from alframe import AlframeError, one_line, work
        except ImportError as error:
            return f"{sys.executable} on {platform.node()} can't import alframe: {error}"
        torch.set_num_threads(threads)
        try:
            work(task, patience=patience)
        except AlframeError as error:
            return one_line(error)
        return ""

    return run


def bench() -> type:
    """The class of an actor that makes passes over a pool in files, which Ray sends by its code."""

    class Worker:
        """A bench of alframe's, on one device."""

        def __init__(self, device: str, threads: int) -> None:
            import torch

            from alframe.ops import Bench

            torch.set_num_threads(threads)
            self._bench = Bench(device)

        def up(self) -> None:
            """Answers when it is up."""

        def work(self, kept: int, call: int, pieces: dict[int, Any], run: Any) -> bytes:
            """The answer of a run of rows, pickled."""
            import ray

            return self._bench.work(kept, call, lambda number: ray.get(pieces[number]), run)

    return Worker
