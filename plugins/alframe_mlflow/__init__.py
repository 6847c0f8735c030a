"""Trials as runs of MLflow: on the tracking server, or in the local database, that the user has set up.

A trial that goes on is the same run; rounds that it lacks are sent from the records, so each is there once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from alframe import PluginInfo, RunSummary, TrialRun, hookimpl, option


@dataclasses.dataclass(frozen=True)
class Options:
    """Where the runs are."""

    tracking_uri: str | None = option(
        None,
        "server or database, as sqlite:///mlflow.db; none: as MLflow itself has it (MLFLOW_TRACKING_URI)",
    )
    experiment: str | None = option(
        None, "experiment; none: as MLFLOW_EXPERIMENT_NAME says, or else one for each setting"
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="a run of MLflow for each trial, metrics by labelled-set size (extra: mlflow)",
        options=Options,
        on_request=True,
        api=3,
    )


@hookimpl
def alframe_run_started(run: TrialRun, options: Options) -> None:
    """Opens the trial's run, and sends the rounds that it lacks."""
    from alframe import read_rounds
    from alframe_mlflow._runs import start

    start(run, read_rounds(run.folder), options.tracking_uri, options.experiment)


@hookimpl
def alframe_round_finished(run: TrialRun, record: Mapping[str, Any]) -> None:
    """Adds the round."""
    from alframe import Round
    from alframe_mlflow._runs import append

    append(run.folder, Round.of(record))


@hookimpl
def alframe_run_finished(run: TrialRun, summary: RunSummary) -> None:
    """Ends the run."""
    from alframe_mlflow._runs import finish

    finish(run.folder, summary)


@hookimpl
def alframe_run_failed(run: TrialRun, reason: str) -> None:
    """Ends the run as one that failed; it goes on when the trial does."""
    from alframe_mlflow._runs import fail

    fail(run.folder, reason)
