"""Trials side by side: processes that take one trial after another and tell the parent how it goes.

Processes are started anew (not forked), so that each may use a GPU; each loads a data set once.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterable, Sequence
from multiprocessing.connection import wait

import torch

from alframe.errors import TrialError, reason
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.executor import End, Ends
from alframe.experiments.executors.messages import Dropped, Ended, Message
from alframe.experiments.executors.worker import ALL, work
from alframe.experiments.groups import grouped
from alframe.experiments.trials import Listener, Trial
from alframe.registry.process import no_script

PATIENCE = 5.0  # seconds that processes have to end when they are asked to


class Processes:
    """Runs trials in several processes. An `Executor`.

    Args:
        jobs: how many processes; each has its share of the processor's threads, and GPUs take turns.
        data: the data sets that are loaded here already.
        force: whether trials start anew.
    """

    def __init__(self, jobs: int, data: LoadedData | None = None, *, force: bool = False) -> None:
        self._jobs = jobs
        self._data = data or LoadedData()
        self._force = force

    def run(self, planned: Sequence[Trial], listener: Listener) -> Ends:
        """Runs trials side by side, of plugins that are installed or files; yields each one's end."""
        waiting = grouped(planned, self._data, self._jobs, force=self._force)
        dropped: set[str] = set()
        workers: list[_Worker] = []
        started = 0
        try:
            while waiting or any(worker.trials for worker in workers):
                workers = [worker for worker in workers if worker.lives]
                for worker in workers:
                    if waiting and not worker.trials and worker.take(waiting[0], dropped):
                        del waiting[0]
                while waiting and len(workers) < self._jobs:
                    workers.append(_Worker(started, self._jobs, self._force))
                    started += 1
                    if workers[-1].take(waiting[0], dropped):
                        del waiting[0]
                busy = [worker for worker in workers if worker.trials]
                # The process itself, too: one that it has started may hold the connection open.
                ready = wait([part for w in busy for part in (w.connection, w.process.sentinel)])
                for worker in busy:
                    if worker.connection in ready or worker.process.sentinel in ready:
                        yield from worker.hear(listener, dropped)
        finally:
            _end(workers)


class _Worker:
    """A process, seen from the parent.

    Attributes:
        connection: to it.
        process: it.
        trials: what it runs and has not ended, by number.
        lives: whether it takes another trial.
    """

    def __init__(self, number: int, jobs: int, force: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.trials: dict[int, Trial] = {}
        self.lives = True
        threads = max(1, torch.get_num_threads() // jobs)  # heeds OMP_NUM_THREADS and the cores allowed
        gpu = number % count if (count := torch.cuda.device_count()) > 1 else None
        self.process = context.Process(target=work, args=(theirs, gpu, threads, force), daemon=True)
        with no_script():
            self.process.start()
        theirs.close()

    def take(self, trials: Sequence[Trial], dropped: set[str]) -> bool:
        """Gives it trials; whether it took them, and did not die since the last ones.

        Args:
            trials: to be run in step.
            dropped: event plugins that have failed.
        """
        try:
            self.connection.send(([trial.task for trial in trials], dropped))
        except OSError:
            self._kill()
            return False
        self.trials = dict(enumerate(trials))
        return True

    def hear(self, listener: Listener, dropped: set[str]) -> list[tuple[Trial, End]]:
        """Passes one message on to the listener; the trials that have ended.

        Args:
            listener: the display.
            dropped: event plugins that have failed, each of which is told of once; may grow.
        """
        try:
            heard = self._message()
            number, message = heard or (ALL, None)
            trial = next(iter(self.trials.values())) if number == ALL else self.trials[number]
        except Exception as error:  # a plugin wrote into the connection, say
            return self._lost(f"its process can't be understood ({reason(error)}) and was ended")
        if message is None:
            self._kill()
            return self._lost(f"its process died ({self._how()}); the same command tries it again")
        if isinstance(message, Dropped):
            if message.plugin in dropped:
                return []
            dropped.add(message.plugin)
        message.tell(listener, trial)
        if not isinstance(message, Ended):
            return []
        del self.trials[number]
        return [(trial, message.end)]

    def _lost(self, why: str) -> list[tuple[Trial, End]]:
        """Ends the process; its trials fail."""
        self._kill()
        ended, self.trials = self.trials, {}
        return [(trial, TrialError(why)) for trial in ended.values()]

    def _message(self) -> tuple[int, Message] | None:
        """The next one; None where the process has died, all of whose messages are heard."""
        alive = self.process.is_alive()  # before the look: what it has sent is there when it is dead
        try:
            if alive or self.connection.poll():
                heard: tuple[int, Message] = self.connection.recv()
                return heard
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
