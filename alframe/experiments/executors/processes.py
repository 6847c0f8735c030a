"""Trials side by side: processes that take one trial after another and tell the parent how it goes.

Processes are started anew (not forked), so that each may use a GPU; each loads a data set once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import wait

import torch

from alframe.errors import TrialError, reason
from alframe.experiments.executors.executor import End, Ends
from alframe.experiments.executors.messages import Dropped, Ended, Message
from alframe.experiments.executors.worker import work
from alframe.experiments.trials import Listener, Trial

PATIENCE = 5.0  # seconds that processes have to end when they are asked to


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
        workers: list[_Worker] = []
        started = 0
        try:
            while waiting or any(worker.trial for worker in workers):
                workers = [worker for worker in workers if worker.lives]
                for worker in workers:
                    if waiting and not worker.trial and worker.take(waiting[0], dropped):
                        del waiting[0]
                while waiting and len(workers) < self._jobs:
                    workers.append(_Worker(started, self._jobs, self._force))
                    started += 1
                    if workers[-1].take(waiting[0], dropped):
                        del waiting[0]
                busy = [worker for worker in workers if worker.trial]
                # The process itself, too: one that it has started may hold the connection open.
                ready = wait([part for w in busy for part in (w.connection, w.process.sentinel)])
                for worker in busy:
                    if worker.connection in ready or worker.process.sentinel in ready:
                        trial = worker.trial
                        end = worker.hear(listener, dropped)
                        if trial is not None and end is not None:
                            yield trial, end
        finally:
            _end(workers)


@contextlib.contextmanager
def _no_script() -> Iterator[None]:
    """Keeps the script that called from running once more in a new process, which needs nothing of it."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


class _Worker:
    """A process, seen from the parent.

    Attributes:
        connection: to it.
        process: it.
        trial: what it runs, or None.
        lives: whether it takes another trial.
    """

    def __init__(self, number: int, jobs: int, force: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.trial: Trial | None = None
        self.lives = True
        threads = max(1, torch.get_num_threads() // jobs)  # heeds OMP_NUM_THREADS and the cores allowed
        gpu = number % count if (count := torch.cuda.device_count()) > 1 else None
        self.process = context.Process(target=work, args=(theirs, gpu, threads, force), daemon=True)
        with _no_script():
            self.process.start()
        theirs.close()

    def take(self, trial: Trial, dropped: set[str]) -> bool:
        """Gives it a trial; whether it took it, and did not die since the last one.

        Args:
            trial: to be run.
            dropped: event plugins that have failed.
        """
        try:
            self.connection.send((trial.task, dropped))
        except OSError:
            self._kill()
            return False
        self.trial = trial
        return True

    def hear(self, listener: Listener, dropped: set[str]) -> End | None:
        """Passes one message on to the listener; the trial's end, or None while it runs.

        Args:
            listener: the display.
            dropped: event plugins that have failed, each of which is told of once; may grow.
        """
        assert self.trial is not None
        trial = self.trial
        try:
            message = self._message()
        except Exception as error:  # a plugin wrote into the connection, say
            self._kill()
            self.trial = None
            return TrialError(f"its process can't be understood ({reason(error)}) and was ended")
        if message is None:
            self._kill()
            self.trial = None
            return TrialError(f"its process died ({self._how()}); the same command tries it again")
        if isinstance(message, Dropped):
            if message.plugin in dropped:
                return None
            dropped.add(message.plugin)
        message.tell(listener, trial)
        if not isinstance(message, Ended):
            return None
        self.trial = None
        return message.end

    def _message(self) -> Message | None:
        """The next one; None where the process has died, all of whose messages are heard."""
        alive = self.process.is_alive()  # before the look: what it has sent is there when it is dead
        try:
            if alive or self.connection.poll():
                message: Message = self.connection.recv()
                return message
        except (EOFError, ConnectionResetError, BrokenPipeError):
            pass
        return None

    def _kill(self) -> None:
        """Ends what is dead, dying or broken."""
        self.lives = False
        self.process.join(1.0)  # a closed connection comes before the exit code
        self.process.kill()
        self.process.join(PATIENCE)
        self.connection.close()

    def _how(self) -> str:
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:  # a real-time signal has no name
            return f"signal {-code}"


def _end(workers: Iterable[_Worker]) -> None:
    """Stops processes; what they have written stays. Whoever does not end when asked is killed."""
    alive = [worker for worker in workers if worker.lives]
    try:
        for worker in alive:
            worker.connection.close()
            worker.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for worker in alive:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:  # also where the wait is interrupted
        for worker in alive:
            worker.process.kill()
        for worker in alive:
            worker.process.join(PATIENCE)
