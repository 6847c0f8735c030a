"""Trials side by side: processes that take one trial after another and tell the parent how it goes.

Processes are started anew (not forked), so that each may use a GPU; each loads a data set once.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

import torch

from alframe.errors import TrialError
from alframe.experiments.executors.executor import End, Ends
from alframe.experiments.executors.messages import Dropped, Ended, Message
from alframe.experiments.executors.worker import work
from alframe.experiments.trials import Listener, Trial


class Processes:
    """Runs trials in several processes. An `Executor`.

    Args:
        jobs: how many processes; each has its share of the processor's threads, and GPUs take turns.
        force: whether trials start anew.
    """

    def __init__(self, jobs: int, *, force: bool = False) -> None:
        self._jobs = jobs
        self._force = force

    def run(self, planned: Sequence[Trial], listener: Listener) -> Ends:
        """Runs trials side by side, of plugins that are installed or files; yields each one's end."""
        waiting = list(planned)
        dropped: set[str] = set()
        running: dict[Connection, tuple[_Worker, Trial]] = {}
        idle: list[_Worker] = []
        started = 0
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    if not idle:
                        idle.append(_Worker(started, self._jobs, self._force))
                        started += 1
                    worker, trial = idle.pop(), waiting.pop(0)
                    worker.connection.send((trial.task, dropped))
                    running[worker.connection] = (worker, trial)
                for connection in wait(list(running)):
                    assert isinstance(connection, Connection)
                    worker, trial = running[connection]
                    end = worker.hear(trial, listener, dropped)
                    if end is None:
                        continue
                    del running[connection]
                    if worker.process.is_alive():
                        idle.append(worker)
                    yield trial, end
        finally:
            for worker in [*idle, *(worker for worker, _ in running.values())]:
                worker.end()


class _Worker:
    """A process, seen from the parent."""

    def __init__(self, number: int, jobs: int, force: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        threads = max(1, torch.get_num_threads() // jobs)  # heeds OMP_NUM_THREADS and the cores allowed
        gpu = number % count if (count := torch.cuda.device_count()) > 1 else None
        self.process = context.Process(target=work, args=(theirs, gpu, threads, force), daemon=True)
        self.process.start()
        theirs.close()

    def hear(self, trial: Trial, listener: Listener, dropped: set[str]) -> End | None:
        """Passes one message on to the listener; the trial's end, or None while it runs.

        Args:
            trial: the worker's.
            listener: the display.
            dropped: event plugins that have failed, each of which is told of once; may grow.
        """
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return TrialError(f"its process died ({how}); the same command tries it again")
        if isinstance(message, Dropped):
            if message.plugin in dropped:
                return None
            dropped.add(message.plugin)
        message.tell(listener, trial)
        return message.end if isinstance(message, Ended) else None

    def end(self) -> None:
        """Stops the process; what it has written stays."""
        self.connection.close()
        self.process.terminate()
        self.process.join()
