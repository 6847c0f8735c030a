"""Processes of this machine that make the passes of one query, each on its GPU or its share of the cores."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch

from alframe.errors import UsageError
from alframe.learning.inputs import whole_number
from alframe.networks.devices import resolve_device
from alframe.ops.crew import Bench, Crew, Job, count, counting, working
from alframe.registry.process import no_script
from alframe.registry.registry import installed

PATIENCE = 5.0  # seconds that a process has to end
READY, WANTED = -1, -2  # what a worker says that is no answer


class ProcessCrew:
    """Worker processes; a `Crew`. Their rows are taken over by the others when they die, or by this process.

    Processes are started anew (not forked), so that each may use a GPU, and take part once they are up.

    Args:
        workers: how many processes.
        devices: where they compute, in turn; on the CPU each has its share of the threads.

    Attributes:
        workers: how many there were at first.
        lost: how many have died.
        processes: those that live.
    """

    def __init__(self, workers: int, devices: Sequence[torch.device | str] = ("cpu",)) -> None:
        self.workers = workers
        self.lost = 0
        self._numbers = itertools.count()
        threads = max(1, torch.get_num_threads() // workers)  # heeds OMP_NUM_THREADS and the cores allowed
        self._alive: list[_Worker] = []
        try:
            for number in range(workers):
                device = str(devices[number % len(devices)])
                self._alive.append(_Worker(number, device, threads))
        except BaseException:
            self.close()
            raise

    @property
    def processes(self) -> list[multiprocessing.process.BaseProcess]:
        """Those that live."""
        return [worker.process for worker in self._alive]

    def __enter__(self) -> ProcessCrew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes; there is nothing that they would have to finish."""
        for worker in self._alive:
            worker.process.kill()
            worker.connection.close()
        for worker in self._alive:
            worker.process.join(PATIENCE)
        self._alive = []

    def map(self, job: Job, runs: Sequence[Sequence[slice]]) -> Iterator[tuple[int, bytes]]:
        """Has a job done to each run of rows; see `alframe.ops.crew.Crew`."""
        waiting = collections.OrderedDict.fromkeys(range(len(runs)))
        busy: dict[int, tuple[_Worker, int]] = {}  # by number of task
        while (waiting or busy) and self._alive:
            for worker in list(self._alive):
                if waiting and worker.is_free:
                    run = worker.favourite(list(waiting), len(runs), self.workers)
                    task = next(self._numbers)
                    if worker.send((task, job.kept, job.call, runs[run])):
                        del waiting[run]
                        busy[task] = worker, run
            parts: dict[Any, _Worker] = {part: worker for worker in self._alive for part in worker.parts}
            for worker in dict.fromkeys(parts[part] for part in wait(list(parts))):
                heard = worker.hear(job.piece)
                if heard is None:
                    self._lose(worker)
                    for task in [task for task, (whose, _) in busy.items() if whose is worker]:
                        waiting[busy.pop(task)[1]] = None
                elif heard[0] in busy:  # else it is of a pass that was given up
                    yield busy.pop(heard[0])[1], heard[1]

    def _lose(self, worker: _Worker) -> None:
        self._alive.remove(worker)
        worker.process.kill()
        worker.process.join(PATIENCE)
        worker.connection.close()
        self.lost += 1


class _Worker:
    """A process, seen from the parent."""

    def __init__(self, number: int, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.connection, theirs = context.Pipe()
        self.is_free = False  # not before it is up
        self.process = context.Process(target=work, args=(theirs, device, threads), daemon=True)
        with no_script():
            self.process.start()
        theirs.close()
        self.parts = (self.connection, self.process.sentinel)

    def favourite(self, waiting: list[int], runs: int, workers: int) -> int:
        """The next run of its own, whose rows it has read before, or else the last of another's."""
        own = [run for run in waiting if run * workers // runs == self.number]
        return own[0] if own else waiting[-1]

    def send(self, message: object) -> bool:
        """Gives it a task; whether it took it."""
        with contextlib.suppress(OSError):
            self.connection.send(message)
            self.is_free = False
            return True
        return False  # it is dead, which its sentinel says

    def hear(self, piece: Callable[[int], bytes]) -> tuple[int, bytes] | None:
        """Its message, an answer with the number of its task; None where it has died."""
        alive = self.process.is_alive()  # before the look: what it has sent is there when it is dead
        try:
            if not alive and not self.connection.poll():
                return None
            number, wanted = self.connection.recv()
            if number == WANTED:
                self.connection.send_bytes(piece(wanted))
                return number, b""
            self.is_free = True
            return number, b"" if number == READY else self.connection.recv_bytes()
        except (EOFError, OSError):
            return None


def work(connection: Connection, device: str, threads: int) -> None:
    """The inside of a process: does one task after another until the parent hangs up.

    Args:
        connection: gives a task's number, those of its job's pieces, and the run; takes answers.
        device: where to compute.
        threads: how many it may use.
    """
    sys.stdout = sys.stderr  # standard output is for results; it is the parent's
    with contextlib.suppress(OSError):  # there is no standard error
        os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends the workers
    torch.set_num_threads(threads)
    bench = Bench(device)

    def fetch(number: int) -> bytes:
        connection.send((WANTED, number))
        return connection.recv_bytes()

    with contextlib.suppress(EOFError, OSError):
        connection.send((READY, 0))
        while True:
            task, kept, call, run = connection.recv()
            answer = bench.work(kept, call, fetch, run)
            connection.send((task, 0))
            connection.send_bytes(answer)


P = ParamSpec("P")
T = TypeVar("T")


def with_workers(ask: Callable[P, T]) -> Callable[P, T]:
    """A query whose passes are made by workers where its ``workers`` or ``device`` asks for them.

    Args:
        ask: takes ``device``, ``workers`` and ``registry`` by name; is given one device, and the crew or 0.
    """

    @functools.wraps(ask)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        wanted: Any = kwargs
        devices = resolve_devices(wanted.get("device", "auto"))
        crew = wanted.get("workers", 0)
        with contextlib.ExitStack() as stack:
            if not isinstance(crew, Crew):
                number = whole_number(crew, "workers", least=0) or (len(devices) if len(devices) > 1 else 0)
                crew = stack.enter_context(ProcessCrew(number, in_turn(devices))) if number else 0
            if crew or len(devices) > 1:
                wanted |= {"workers": crew, "device": devices[0]}
            stack.enter_context(counting())
            files = (wanted.get("registry") or installed()).files if crew else []
            stack.enter_context(working(crew or None, devices[0], functools.partial(import_files, files)))
            if crew:
                count(workers=crew.workers)
            return ask(*args, **kwargs)

    return asked


def import_files(paths: Sequence[Path]) -> None:
    """Registers plugins that are files, once, so that what is sent to a worker finds their modules."""
    for path in paths:
        installed().register_file(path)


def resolve_devices(names: str | torch.device) -> list[torch.device]:
    """One device, or those of a list such as ``"cuda:0,cuda:1"``.

    Raises:
        UsageError: there is no such device, or they are of several kinds, which round differently.
    """
    devices = [resolve_device(name) for name in (names.split(",") if isinstance(names, str) else [names])]
    if len({device.type for device in devices}) > 1:
        raise UsageError(f"devices must be of one kind, got {names}: others round otherwise")
    return devices


def in_turn(devices: Sequence[torch.device]) -> list[torch.device]:
    """Where workers compute: on all GPUs where no number is said."""
    if devices[0].type == "cuda" and devices[0].index is None and len(devices) == 1:
        return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return list(devices)
