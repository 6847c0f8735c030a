"""One trial after another, in this process."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from alframe.contract.trial import RunSummary
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import Ends, ListenerFault, end_of
from alframe.experiments.executors.messages import Ended, Message, Progress, Reporter
from alframe.experiments.trial_loop import data_of, run_trial
from alframe.experiments.trials import Listener, Trial
from alframe.registry.process import no_way_out
from alframe.registry.registry import Registry


class InTurn:
    """Runs trials in this process. An `Executor`.

    Args:
        registry: whose plugins hear of the events.
        data: where the data sets are loaded, or the first one is already.
        force: whether trials start anew.
    """

    def __init__(self, registry: Registry, data: LoadedData | None = None, *, force: bool = False) -> None:
        self._registry = registry
        self._data = data or LoadedData()
        self._force = force

    def run(self, planned: Sequence[Trial], listener: Listener) -> Ends:
        """Runs trials one after another; yields each one's summary, or why it failed."""
        relay = _Relay(listener)
        reporter = Reporter(relay.send)
        audience = Audience(self._registry, reporter.dropped)
        for trial in planned:
            relay.trial = trial
            run = functools.partial(self._run, trial, reporter, audience)
            try:
                with no_way_out():
                    end = end_of(run, trial.seed, reporter.note)
                relay.send(Ended(end))
            except ListenerFault as fault:
                raise fault.error from None
            yield trial, end

    def _run(self, trial: Trial, reporter: Reporter, audience: Audience) -> RunSummary:
        dataset = data_of(trial, self._data, force=self._force)
        return run_trial(trial, dataset, reporter, force=self._force, audience=audience)


class _Relay:
    """Hands messages to the listener, and keeps its faults apart from those of the trial.

    Args:
        listener: the display.

    Attributes:
        trial: whom the messages are of.
    """

    def __init__(self, listener: Listener) -> None:
        self.trial: Trial
        self._listener = listener
        self._fault: Exception | None = None

    def send(self, message: Message) -> None:
        """Tells the listener.

        Raises:
            ListenerFault: it raised something. Inside a plugin's work it would be taken for the plugin's, so
                a fault at a step of that is raised with the next message.
        """
        try:
            if self._fault is not None:
                raise self._fault
            message.tell(self._listener, self.trial)
        except Exception as error:
            self._fault = error
            if not isinstance(message, Progress):
                raise ListenerFault(error) from error
