"""What is queued, runs, has failed or is done in a folder of runs: read from its files alone."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.errors import TrialError, UsageError
from alframe.experiments.tasks import FOLDER, WrittenTask, read_task
from alframe.records.folder import TrialFolder
from alframe.records.live import failure_file, is_dead, live_file, read_sign
from alframe.records.reading import Unusable, read_table


@dataclasses.dataclass(frozen=True)
class TrialStatus:
    """How a trial stands.

    Attributes:
        trial: its name, or where it has no task its place in the folder.
        state: ``queued``, ``running``, ``failed``, ``done``, or ``stopped``: begun, and no task is for it.
        rounds: rounds that are done.
        of: how many there are to be; None where nobody knows.
        where: host and job, of what runs.
        seen: seconds since its last sign of life; None where it doesn't run.
        what: what it does in its round, or why it failed.
        folder: the trial's.
    """

    trial: str
    state: str
    rounds: int
    of: int | None
    where: str
    seen: float | None
    what: str
    folder: str


def status_of(out: Path) -> list[TrialStatus]:
    """How the trials of a folder of runs stand.

    Args:
        out: as ``--out`` had it.

    Raises:
        UsageError: there is no such folder, no trial in it, or a task can't be read.
    """
    if not out.is_dir():
        raise UsageError(f"{out} is not a folder" if out.exists() else f"there is no folder {out}")
    out = out.absolute()
    tasks = _tasks_of(out)
    folders = dict.fromkeys([*tasks, *_folders_of(out)])
    if not folders:
        raise UsageError(f"no trials in {out}: expected what `alframe run --out {out}` writes")
    return [_status(folder, out, tasks.get(folder)) for folder in folders]


def _tasks_of(out: Path) -> dict[Path, WrittenTask]:
    """The tasks, by the trial's folder."""
    paths = [path for path in (out / FOLDER).glob("*/*.json") if path.stem.isdecimal()]
    ordered = sorted(paths, key=lambda path: (path.parent.name, int(path.stem)))
    return {task.folder: task for task in map(read_task, ordered)}


def _folders_of(out: Path) -> list[Path]:
    """Folders of trials, there or to be: some have a sign of life and nothing else yet."""
    found = set()
    for path in out.glob("*/*/*/*"):
        match = re.fullmatch(r"(seed-\d+)|\.(seed-\d+)\.(?:live|failed)\.json", path.name)
        if match and not any(part.startswith(".") for part in path.relative_to(out).parts[:-1]):
            found.add(path.with_name(match[1] or match[2]))
    return sorted(found)


def _status(folder: Path, out: Path, task: WrittenTask | None) -> TrialStatus:
    name = task.name if task else folder.relative_to(out).as_posix()
    rounds, finished, what = 0, False, ""
    live = read_sign(live_file(folder))
    if live is not None and not is_dead(live):
        where = " ".join(str(live[key]) for key in ("host", "job") if live.get(key))
        seen = _number(live.get("time"))
        ago = None if seen is None else max(0.0, time.time() - seen)
        done = int(_number(live.get("rounds")) or 0)
        of = _rounds_of(folder, task)
        return TrialStatus(name, "running", done, of, where, ago, _work_of(live), str(folder))
    try:
        rounds, finished = TrialFolder(folder).progress()
    except TrialError as error:
        what = str(error)
    failure = read_sign(failure_file(folder))
    if failure is not None and not finished:
        what = str(failure.get("reason", ""))
    if finished:
        state = "done"
    elif what:
        state = "failed"
    else:
        state = "queued" if task else "stopped"
        what = "its process ended; it goes on when it is run again" if live is not None else ""
    return TrialStatus(name, state, rounds, _rounds_of(folder, task), "", None, what, str(folder))


def _work_of(live: Mapping[str, Any]) -> str:
    if not live.get("stage"):
        return ""
    steps = f" {live.get('done')} of {live['total']}" if live.get("total") else ""
    return f"{live['stage']}{steps}"


def _rounds_of(folder: Path, task: WrittenTask | None) -> int | None:
    """Trainings of the whole trial."""
    if task is not None:
        return task.rounds
    try:
        run = read_table(folder / "config.toml").get("run")
    except (FileNotFoundError, Unusable):
        return None
    rounds = _number(run.get("rounds")) if isinstance(run, dict) else None
    return None if rounds is None else int(rounds) + 1


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
