"""Curves in TensorBoard: an event file in each trial's folder, ``tensorboard --logdir runs`` shows them.

When a trial goes on, the file is written anew from the records, so each round is there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alframe import PluginInfo, TrialRun, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="curves for `tensorboard --logdir`, by labelled-set size (extra: tensorboard)",
        on_request=True,
        api=2,
    )


@hookimpl
def alframe_run_started(run: TrialRun) -> None:
    """Writes the rounds that there are already."""
    from alframe import read_rounds
    from alframe_tensorboard._events import start

    start(run.folder / "tensorboard", read_rounds(run.folder))


@hookimpl
def alframe_round_finished(run: TrialRun, record: Mapping[str, Any]) -> None:
    """Adds the round."""
    from alframe import Round
    from alframe_tensorboard._events import append

    append(run.folder / "tensorboard", Round.of(record))
