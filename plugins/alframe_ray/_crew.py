"""The passes of one query over a pool in files, made by actors of Ray."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alframe import UsageError
from alframe.ops import Job
from alframe_ray._cluster import Wanted, connect, is_own, largest, ray
from alframe_ray._task import bench

if TYPE_CHECKING:
    from alframe_ray import RayOptions


class RayCrew:
    """Actors of Ray; an `alframe.ops.Crew`. Whoever is up takes part; one that is lost is done without.

    Args:
        workers: how many actors.
        options: of the plugin: where Ray is, and what each actor is given.

    Attributes:
        workers: how many there were at first.
        lost: how many have died.

    Raises:
        UsageError: there is no Ray, or none that is large enough.
    """

    def __init__(self, workers: int, options: RayOptions) -> None:
        self._is_ours = connect(options.address)
        gpus = min(1.0, largest().gpus) if options.gpus is None else options.gpus
        wanted = Wanted(options.cpus, gpus)
        if self._is_ours and is_own(options.address) and (lacking := wanted.lacking()):
            self.close()
            raise UsageError(f"a worker {lacking}; see `alframe show ray`")
        self.workers = workers
        self.lost = 0
        self._kept: tuple[int, Any] = (-1, None)
        remote = ray.remote(num_cpus=wanted.cpus, num_gpus=wanted.gpus)(bench())
        settings = ("cuda" if gpus else "cpu", max(1, int(wanted.cpus)))
        self._alive = [_Worker(number, remote.remote(*settings)) for number in range(workers)]

    def __enter__(self) -> RayCrew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the actors, and the Ray that was started for them."""
        for worker in getattr(self, "_alive", []):
            with contextlib.suppress(Exception):  # its machine is gone
                ray.kill(worker.actor)
        self._alive = []
        if self._is_ours:
            self._is_ours = False
            ray.shutdown()

    def map(self, job: Job, runs: Sequence[Sequence[slice]]) -> Iterator[tuple[int, bytes]]:
        """Has a job done to each run of rows; see `alframe.ops.Crew`."""
        pieces = self._pieces(job)
        waiting = dict.fromkeys(range(len(runs)))
        busy: dict[Any, tuple[_Worker, int]] = {}
        while (waiting or busy) and self._alive:
            for worker in self._alive:
                if waiting and worker.is_free:
                    run = worker.favourite(list(waiting), len(runs), self.workers)
                    del waiting[run]
                    worker.is_free = False
                    busy[worker.actor.work.remote(job.kept, job.call, pieces, runs[run])] = worker, run
            coming = {worker.up: worker for worker in self._alive if worker.up is not None}
            (ref,), _ = ray.wait([*busy, *coming], num_returns=1)
            worker, run = busy.pop(ref) if ref in busy else (coming[ref], -1)
            try:
                answer: bytes = ray.get(ref)
            except ray.exceptions.RayError:
                self._lose(worker)
                if run >= 0:
                    waiting[run] = None
                continue
            worker.is_free, worker.up = True, None
            if run >= 0:
                yield run, answer

    def _pieces(self, job: Job) -> dict[int, Any]:
        """What workers fetch; what many jobs have is handed to Ray once."""
        if self._kept[0] != job.kept:
            self._kept = job.kept, ray.put(job.piece(job.kept))
        return {job.kept: self._kept[1], job.call: ray.put(job.piece(job.call))}

    def _lose(self, worker: _Worker) -> None:
        self._alive.remove(worker)
        self.lost += 1
        with contextlib.suppress(Exception):
            ray.kill(worker.actor)


@dataclasses.dataclass(eq=False)
class _Worker:
    """An actor.

    Attributes:
        number: its own.
        actor: it.
        is_free: whether it is up and has nothing to do.
        up: arrives when it is up; None since then.
    """

    number: int
    actor: Any
    is_free: bool = False
    up: Any = None

    def __post_init__(self) -> None:
        self.up = self.actor.up.remote()

    def favourite(self, waiting: list[int], runs: int, workers: int) -> int:
        """The next run of its own, whose rows its machine has read before, or else the last of another's."""
        own = [run for run in waiting if run * workers // runs == self.number]
        return own[0] if own else waiting[-1]
