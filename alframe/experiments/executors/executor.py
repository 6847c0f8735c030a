"""What an executor is, and how a trial ends in any of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from alframe.contract.trial import RunSummary
from alframe.errors import AlframeError, TrialError
from alframe.experiments.trials import Listener, Trial

End = RunSummary | AlframeError
Ends = Generator[tuple[Trial, End], None, None]


class Executor(Protocol):
    """Runs trials, here or elsewhere."""

    def run(self, planned: Sequence[Trial], listener: Listener) -> Ends:
        """Runs trials; yields each one's summary, or why it failed, in the order in which they end.

        Whoever stops early closes the generator: then what runs elsewhere is ended, and what it has written
        stays.

        Args:
            planned: the trials, those of one data set one after the other; what of one can be sent to
                another process is `Trial.task`.
            listener: told how they go; what it raises ends the run, and is no trial's failure.
        """
        ...


class ListenerFault(BaseException):
    """What a listener raised, on its way past the trial that it was told of: no plugin is to blame."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def end_of(run: Callable[[], RunSummary]) -> End:
    """How a trial ends: a bug in a plugin or in alframe costs this trial, too, and not the others.

    Args:
        run: runs it.
    """
    try:
        return run()
    except AlframeError as error:
        return error
    except Exception as error:
        failure = TrialError(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure
