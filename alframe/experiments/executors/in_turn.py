"""One trial after another, in this process."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from alframe.contract.trial import RunSummary
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import Ends, end_of
from alframe.experiments.trial_loop import run_trial
from alframe.experiments.trials import Listener, Trial
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
        audience = Audience(self._registry, lambda plugin, text: listener.note(text))
        for trial in planned:
            yield trial, end_of(functools.partial(self._run, trial, listener, audience))

    def _run(self, trial: Trial, listener: Listener, audience: Audience) -> RunSummary:
        dataset = self._data.of(trial.settings)
        return run_trial(trial, dataset, listener, force=self._force, audience=audience)
