"""What a worker of Ray runs: plain code that is sent to it, so that one without alframe can say so."""

from __future__ import annotations

from collections.abc import Callable


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
