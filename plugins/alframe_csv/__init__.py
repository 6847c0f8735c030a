"""A table a trial: ``rounds.csv`` beside ``rounds.jsonl``, for spreadsheets and other programs.

It is written anew from the records at each event: a trial that was killed and continued has each round once.
"""

from __future__ import annotations

from alframe import PluginInfo, TrialRun, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="rounds.csv in each trial's folder: a row a round", on_request=True, api=2)


@hookimpl
def alframe_run_started(run: TrialRun) -> None:
    """Brings the table up to date, where the trial goes on."""
    from alframe_csv._table import write_table

    write_table(run.folder)


@hookimpl
def alframe_round_finished(run: TrialRun) -> None:
    """Adds the round."""
    from alframe_csv._table import write_table

    write_table(run.folder)
