"""Trials as tasks of Ray, owned by this process."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe import Job, UsageError
from alframe_ray._cluster import Wanted, connect, is_own, largest, ray
from alframe_ray._task import function

if TYPE_CHECKING:
    from alframe_ray import RayOptions

SECONDS_TO_DIE = 10.0  # of workers that were told to
PATIENCE = 60.0  # seconds for a worker whose process or machine Ray gave up, and which has the trial yet


class RayJobs:
    """Tasks of Ray. A `Jobs`.

    Ray is sought at the first `submit`: jobs of an earlier process have ended with it, and Ray knows nothing
    of them.

    Args:
        options: the plugin's.
        folder: of the tasks, where a worker that begins one leaves a mark.
    """

    def __init__(self, options: RayOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._refs: dict[str, Any] = {}  # of the jobs that have not ended, as far as is known
        self._ended: dict[str, str] = {}
        self._is_ours = False
        self._wanted = Wanted(options.cpus, options.gpus or 0.0)

    def submit(self, tasks: Sequence[Path]) -> list[str]:
        """Hands tasks to Ray.

        Args:
            tasks: the files.

        Raises:
            UsageError: there is no Ray, or none that can ever run them.
        """
        self._is_ours |= connect(self._options.address)
        if self._options.gpus is None:
            self._wanted = Wanted(self._options.cpus, min(1.0, largest().gpus))
        if self._is_ours and is_own(self._options.address) and (lacking := self._wanted.lacking()):
            self._leave()
            raise UsageError(f"a trial {lacking}; see `alframe show ray`")
        remote = ray.remote(
            num_cpus=self._wanted.cpus,
            num_gpus=self._wanted.gpus,
            max_retries=self._options.retries,
        )(function())
        threads = max(1, int(self._wanted.cpus))
        return [self._start(remote, task, threads) for task in tasks]

    def look(self, names: Sequence[str]) -> list[Job]:
        """How jobs stand.

        Args:
            names: what `submit` gave.
        """
        self._hear([name for name in names if name in self._refs])
        lacking = self._wanted.lacking() if self._refs else ""
        return [self._job(name, lacking) for name in names]

    def cancel(self, names: Sequence[str]) -> None:
        """Ends jobs, and the Ray of this command where it is its last one.

        Args:
            names: what `submit` gave.
        """
        ended = {name: self._refs.pop(name) for name in names if name in self._refs}
        for name, ref in ended.items():
            ray.cancel(ref, force=True)
            self._ended[name] = "it was cancelled"
        if ended:
            ray.wait(list(ended.values()), num_returns=len(ended), timeout=SECONDS_TO_DIE, fetch_local=False)
        if not self._refs:
            self._leave()

    def _start(self, remote: Any, task: Path, threads: int) -> str:
        name = f"{self._folder.name}/{task.stem}"
        self._mark(name).unlink(missing_ok=True)
        named = remote.options(name=f"alframe {name}")
        self._refs[name] = named.remote(str(task), str(self._mark(name)), threads, PATIENCE)
        self._ended.pop(name, None)
        return name

    def _job(self, name: str, lacking: str) -> Job:
        if name not in self._refs:
            return Job("ended", self._ended.get(name, "it ended with the command that had started it"))
        waits = lacking or self._host(name) is None
        return Job("waiting", lacking) if waits else Job("running")

    def _hear(self, names: Sequence[str]) -> None:
        """Takes note of the jobs that have ended."""
        if not names:
            return
        of = {self._refs[name]: name for name in names}
        ready, _ = ray.wait(list(of), num_returns=len(of), timeout=0, fetch_local=False)
        for ref in ready:
            name = of[ref]
            self._ended[name] = self._why(name, ref)
            del self._refs[name]

    def _why(self, name: str, ref: Any) -> str:
        """How a job ended; "" where it ran to the end of its trial."""
        try:
            return str(ray.get(ref))
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            if (host := self._host(name)) is None:
                return f"{type(error).__name__}: {said}"
            return f"{type(error).__name__} on {host}: {said} Its output is in Ray's folder logs there"

    def _host(self, name: str) -> str | None:
        """Which machine began a job last; None while none has."""
        try:
            return self._mark(name).read_text().strip()
        except OSError:
            return None

    def _mark(self, name: str) -> Path:
        return self._folder / f"{name.rpartition('/')[2]}.began"

    def _leave(self) -> None:
        if self._is_ours:
            self._is_ours = False
            with contextlib.suppress(Exception):  # a cluster that is gone
                ray.shutdown()
