"""What an executor is, and how a trial ends in any of them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from alframe.contract.trial import RunSummary
from alframe.errors import AlframeError, AlframeWarning, TrialError, one_line, reason
from alframe.experiments.randomness import OwnRandomness
from alframe.experiments.trials import Listener, Trial
from alframe.records.locking import InUseError
from alframe.registry.process import kept_settings

T = TypeVar("T")
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


def is_in_use(end: End) -> bool:
    """Whether a trial was left alone, as another process runs it."""
    return isinstance(end, TrialError) and isinstance(end.__cause__, InUseError)


def guarded(
    step: Callable[[], T], randomness: OwnRandomness, note: Callable[[str], None]
) -> T | AlframeError:
    """What a step of a trial gives, or what was raised in it: it costs this trial and not the others.

    An interrupt and a listener's fault alone come through. The step is done in the trial's own random states,
    and what it changes for the whole process is put back: other trials make no difference.

    Args:
        step: does it.
        randomness: the trial's.
        note: told what alframe and plugins warn of.
    """
    with kept_settings(), randomness.entered(), _warnings_told(note):
        try:
            return step()
        except (KeyboardInterrupt, ListenerFault):
            raise
        except AlframeError as error:
            return error
        except BaseException as error:  # SystemExit too, and what a plugin derives from BaseException
            if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt):
                raise KeyboardInterrupt from error
            failure = TrialError(one_line(error) if isinstance(error, AlframeWarning) else reason(error))
            failure.__cause__ = error
            return failure


@contextlib.contextmanager
def _warnings_told(note: Callable[[str], None]) -> Iterator[None]:
    """Passes on what alframe and its plugins warn of, in place of lines on standard error."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *others: Any, **more: Any) -> None:
        if issubclass(category, AlframeWarning) and isinstance(message, Warning):
            note(one_line(message))
        else:
            shown(message, category, *others, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown
