"""One trial after another, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from alframe.errors import AlframeError
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.executors.processes import Outcomes
from alframe.experiments.trial_loop import run_trial
from alframe.experiments.trials import Listener, TrialRun
from alframe.registry.registry import Registry


def run_in_turn(
    planned: Sequence[TrialRun],
    data: LoadedData,
    registry: Registry,
    listener: Listener,
    *,
    force: bool = False,
) -> Outcomes:
    """Runs trials one after another in this process; yields each one's summary, or why it failed.

    Args:
        planned: the trials.
        data: where the data sets are loaded, or the first one is already.
        registry: whose plugins hear of the events.
        listener: the display.
        force: whether trials start anew.
    """
    audience = Audience(registry, lambda plugin, text: listener.note(text))
    for trial in planned:
        try:
            summary = run_trial(
                trial, data.of(trial.settings), registry, listener, force=force, audience=audience
            )
        except AlframeError as error:
            yield trial, error
        else:
            yield trial, summary
