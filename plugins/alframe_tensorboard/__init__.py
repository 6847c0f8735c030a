"""Curves in TensorBoard: an event file in each trial's folder, ``tensorboard --logdir runs`` shows them.

When a trial goes on, the file is written anew from the records, so each round is there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alframe import PluginInfo, hookimpl


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(
        summary="curves for `tensorboard --logdir`, by labelled-set size (extra: tensorboard)",
        on_request=True,
    )


@hookimpl
def alframe_run_started(run: Any) -> None:
    """Writes the rounds that there are already."""
    from alframe_csv.records import read_records
    from alframe_tensorboard._events import start

    start(run.folder / "tensorboard", read_records(run.folder))


@hookimpl
def alframe_round_finished(run: Any, record: Mapping[str, Any]) -> None:
    """Adds the round."""
    from alframe_tensorboard._events import append

    append(run.folder / "tensorboard", record)
