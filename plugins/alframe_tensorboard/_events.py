"""TensorBoard's event files.

Written in the caller's thread: torch's ``SummaryWriter`` writes in another, whose trace on a full disk nobody
can catch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe import Round, UsageError

try:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise UsageError(f'it needs TensorBoard: pip install "alframe[tensorboard]" ({error})') from error

NAME = "events.out.tfevents."  # begins the name of what TensorBoard reads
VERSION = "brain.Event:2"


def start(folder: Path, rounds: Sequence[Round]) -> None:
    """Begins the event file of a trial with the rounds that there are.

    Args:
        folder: where the event file is; of those of earlier starts the last is kept.
        rounds: those that are recorded already.
    """
    if folder.is_symlink():  # never of ours: what it leads to may be anybody's
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for linked in [file for file in folder.glob(f"{NAME}*") if file.is_symlink()]:
        linked.unlink()
    for old in sorted(folder.glob(f"{NAME}*"))[:-1]:  # a TensorBoard that runs goes on from the last
        old.unlink()
    # The mark tells TensorBoard to forget all steps from 0 that it read in an older file.
    head = [
        Event(wall_time=time.time(), file_version=VERSION),
        Event(wall_time=time.time(), step=0, session_log=SessionLog(status=SessionLog.START)),
    ]
    _write(folder / f"{NAME}{time.time_ns()}.alframe", [*head, *map(_event, rounds)])


def append(folder: Path, done: Round) -> None:
    """Adds a round to the event file that `start` began."""
    _write(max(folder.glob(f"{NAME}*")), [_event(done)])


def _event(done: Round) -> Event:
    """A round's numbers; the step is the labelled-set size."""
    values = [
        Summary.Value(tag=tag if "/" in tag else f"round/{tag}", simple_value=value)
        for tag, value in done.flat().items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
    return Event(wall_time=time.time(), step=done.labelled, summary=Summary(value=values))


def _write(path: Path, events: Iterable[Event]) -> None:
    with path.open("ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
