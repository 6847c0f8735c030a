"""Trials as runs of Weights & Biases, online or offline as the user has set it up.

A trial that goes on is the same run; rounds that it lacks are sent from the records, so each is there once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from alframe import PluginInfo, RunSummary, TrialRun, hookimpl, option


@dataclasses.dataclass(frozen=True)
class Options:
    """Where the runs are."""

    project: str = option("alframe", "project")
    entity: str | None = option(None, "user or team; none: as wandb itself has it")
    group: str | None = option(None, "group of the runs; none: one for each setting")
    mode: Literal["online", "offline"] | None = option(
        None, "online, offline (for `wandb sync` later), or none: as wandb itself has it (WANDB_MODE)"
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="a run of Weights & Biases for each trial, metrics by labelled-set size (extra: wandb)",
        options=Options,
        on_request=True,
        api=3,
    )


@hookimpl
def alframe_run_started(run: TrialRun, options: Options) -> None:
    """Opens the trial's run, and sends the rounds that it lacks."""
    from alframe import read_rounds
    from alframe_wandb._runs import start

    start(run, read_rounds(run.folder), dataclasses.asdict(options))


@hookimpl
def alframe_round_finished(run: TrialRun, record: Mapping[str, Any]) -> None:
    """Adds the round."""
    from alframe import Round
    from alframe_wandb._runs import append

    append(run.folder, Round.of(record))


@hookimpl
def alframe_run_finished(run: TrialRun, summary: RunSummary) -> None:
    """Ends the run."""
    from alframe_wandb._runs import finish

    finish(run.folder, summary)


@hookimpl
def alframe_run_failed(run: TrialRun, reason: str) -> None:
    """Ends the run as one that failed; it goes on when the trial does."""
    from alframe_wandb._runs import fail

    fail(run.folder, reason)
