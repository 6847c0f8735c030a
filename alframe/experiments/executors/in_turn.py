"""One trial after another, in this process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence

from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.executor import End, Ends, ListenerFault
from alframe.experiments.executors.in_step import Place, in_step
from alframe.experiments.executors.messages import Dropped, Ended, Relay, Reporter
from alframe.experiments.groups import grouped
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
        """Runs trials one after another, or in step; yields each one's summary, or why it failed."""
        relay = Relay(listener)
        audience = Audience(self._registry, lambda key, text: relay.send(planned[0], Dropped(text, key)))
        for group in grouped(planned, self._data, force=self._force):
            places = [
                Place(trial.seed, trial.itself, Reporter(functools.partial(relay.send, trial)))
                for trial in group
            ]
            with contextlib.closing(in_step(places, self._data, audience, force=self._force)) as ends:
                while (ended := self._next(ends)) is not None:
                    trial, end = group[ended[0]], ended[1]
                    try:
                        relay.send(trial, Ended(end))
                    except ListenerFault as fault:
                        raise fault.error from None
                    yield trial, end

    @staticmethod
    def _next(ends: Iterator[tuple[int, End]]) -> tuple[int, End] | None:
        try:
            with no_way_out():
                return next(ends, None)
        except ListenerFault as fault:
            raise fault.error from None
