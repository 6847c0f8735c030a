"""Signs of life of a trial, and why it failed: small files beside its folder, as its lock is."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.records.reading import Unusable, read_table
from alframe.records.writing import replace

LIVE_SECONDS = 5.0  # least time between two signs
JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


class Signs:
    """Of one trial, by the process that has it. A disk that takes none ends no trial.

    Args:
        trial: its folder, which need not be there.
    """

    def __init__(self, trial: Path) -> None:
        self._trial = trial
        self._told: float | None = None

    def tell(self, rounds: int, stage: str = "", done: int = 0, total: int = 0) -> None:
        """Says where the trial is, unless it was said a moment ago.

        Args:
            rounds: rounds that are done.
            stage: what is done in the present one.
            done: steps of that which are done.
            total: steps of that.
        """
        now = time.monotonic()
        if self._told is not None and now - self._told < LIVE_SECONDS:
            return
        self._told = now
        _write(live_file(self._trial), {"rounds": rounds, "stage": stage, "done": done, "total": total})

    def end(self) -> None:
        """The trial is run no more; another process's sign stays."""
        if self._told is not None and is_own(read_sign(live_file(self._trial)) or {}):
            with contextlib.suppress(OSError):
                live_file(self._trial).unlink(missing_ok=True)
        self._told = None

    def fail(self, reason: str) -> None:
        """The trial has failed.

        Args:
            reason: why, in a line.
        """
        _write(failure_file(self._trial), {"reason": reason})

    def succeed(self) -> None:
        """The trial is done, or tried again: no earlier failure counts."""
        with contextlib.suppress(OSError):
            failure_file(self._trial).unlink(missing_ok=True)


def live_file(trial: Path) -> Path:
    """Where the signs of a trial's life are."""
    return trial.with_name(f".{trial.name}.live.json")


def failure_file(trial: Path) -> Path:
    """Where it is said why a trial failed."""
    return trial.with_name(f".{trial.name}.failed.json")


def read_sign(path: Path) -> dict[str, Any] | None:
    """What a process left in one of the two; None where there is nothing, or nothing that can be read."""
    try:
        return read_table(path)
    except (FileNotFoundError, Unusable):
        return None


def is_dead(sign: Mapping[str, Any]) -> bool:
    """Whether a sign's process was one of this machine and is no more; of another's nobody knows."""
    if sign.get("host") != platform.node() or not isinstance(sign.get("pid"), int):
        return False
    try:
        os.kill(sign["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def is_own(sign: Mapping[str, Any]) -> bool:
    """Whether this process gave a sign."""
    return (sign.get("host"), sign.get("pid")) == (platform.node(), os.getpid())


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    job = next((os.environ[name] for name in JOB_VARIABLES if name in os.environ), "")
    sign = {"host": platform.node(), "pid": os.getpid(), "job": job, "time": time.time(), **facts}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, lambda file: file.write(f"{json.dumps(sign)}\n".encode()), shared=True)
