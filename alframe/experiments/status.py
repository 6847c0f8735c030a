"""What is queued, runs, has failed or is done in a folder of runs: read from its files alone."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.errors import UsageError
from alframe.experiments.task_files import FOLDER, read_document
from alframe.records.live import failure_file, is_dead, live_file, read_sign
from alframe.records.progress import progress_of
from alframe.records.reading import Unusable, read_table


@dataclasses.dataclass(frozen=True)
class TrialStatus:
    """How a trial stands.

    Attributes:
        trial: its name, or where it has no task its place in the folder.
        state: ``queued``, ``running``, ``failed``, ``done``, ``stopped``: begun, and no task is for it; or
            ``damaged``: a task that can't be read.
        rounds: rounds that are done.
        of: how many there are to be; None where nobody knows.
        where: host and job, of what runs.
        seen: seconds since its last sign of life; None where it doesn't run.
        what: what it does in its round, or why it failed.
        folder: the trial's; of a damaged task its file.
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
        UsageError: there is no such folder, or no trial in it.
    """
    if not out.is_dir():
        raise UsageError(f"{out} is not a folder" if out.exists() else f"there is no folder {out}")
    out = out.absolute()
    tasks, damaged = _tasks_of(out)
    folders = dict.fromkeys([*tasks, *_folders_of(out)])
    if not folders and not damaged:
        raise UsageError(f"no trials in {out}: expected what `alframe run --out {out}` writes")
    return [*damaged, *(_status(folder, out, tasks.get(folder)) for folder in folders)]


def _tasks_of(out: Path) -> tuple[dict[Path, Mapping[str, Any]], list[TrialStatus]]:
    """The tasks, by the trial's folder, and those that can't be read."""
    paths = [path for path in (out / FOLDER).glob("*/*.json") if path.stem.isdecimal()]
    tasks: dict[Path, Mapping[str, Any]] = {}
    damaged = []
    for path in sorted(paths, key=lambda path: (path.parent.name, int(path.stem))):
        try:
            document = read_document(path)
            tasks[Path(document["folder"])] = document
        except UsageError as error:
            name = path.relative_to(out).as_posix()
            damaged.append(TrialStatus(name, "damaged", 0, None, "", None, str(error), str(path)))
    return tasks, damaged


def _folders_of(out: Path) -> list[Path]:
    """Folders of trials, there or to be: some have a sign of life and nothing else yet."""
    found = set()
    for path in out.glob("*/*/*/*"):
        match = re.fullmatch(r"(seed-\d+)|\.(seed-\d+)\.(?:live|failed)\.json", path.name)
        if match and not any(part.startswith(".") for part in path.relative_to(out).parts[:-1]):
            found.add(path.with_name(match[1] or match[2]))
    return sorted(found)


def _status(folder: Path, out: Path, task: Mapping[str, Any] | None) -> TrialStatus:
    name = task["name"] if task else folder.relative_to(out).as_posix()
    of = _rounds_of(folder, task)
    live = read_sign(live_file(folder))
    if live is not None and not is_dead(live):
        where = " ".join(str(live[key]) for key in ("host", "job") if live.get(key))
        seen = _number(live.get("time"))
        ago = None if seen is None else max(0.0, time.time() - seen)
        done = int(_number(live.get("rounds")) or 0)
        return TrialStatus(name, "running", done, of, where, ago, _work_of(live), str(folder))
    rounds, finished = progress_of(folder, of)
    failure = read_sign(failure_file(folder))
    what = ""
    if finished:
        state = "done"
    elif failure is not None:
        state, what = "failed", str(failure.get("reason", ""))
    else:
        state = "queued" if task else "stopped"
        what = "its process ended; it goes on when it is run again" if live is not None else ""
    return TrialStatus(name, state, rounds, of, "", None, what, str(folder))


def _work_of(live: Mapping[str, Any]) -> str:
    if not live.get("stage"):
        return ""
    steps = f" {live.get('done')} of {live['total']}" if live.get("total") else ""
    return f"{live['stage']}{steps}"


def _rounds_of(folder: Path, task: Mapping[str, Any] | None) -> int | None:
    """Trainings of the whole trial."""
    if task is not None:
        return int(task["sections"]["run"]["rounds"]) + 1
    try:
        run = read_table(folder / "config.toml").get("run")
    except (FileNotFoundError, Unusable):
        return None
    rounds = _number(run.get("rounds")) if isinstance(run, dict) else None
    return None if rounds is None else int(rounds) + 1


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
