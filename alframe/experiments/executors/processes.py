"""Trials side by side: processes that take one trial after another and tell the parent how it goes.

Processes are started anew (not forked), so that each may use a GPU; each loads a data set once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from alframe.contract.trial import Record, RunSummary
from alframe.errors import AlframeError, TrialError
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.plan import trials
from alframe.experiments.settings import Sections, Settings, resolve
from alframe.experiments.trial_loop import run_trial
from alframe.experiments.trials import Listener, TrialRun
from alframe.registry.registry import installed

Outcome = tuple[TrialRun, RunSummary | AlframeError]
Outcomes = Generator[Outcome, None, None]
PROGRESS_SECONDS = 0.1  # between two reports of the work inside a round


def run_side_by_side(
    planned: Sequence[TrialRun], listener: Listener, jobs: int, *, force: bool = False
) -> Outcomes:
    """Runs trials in several processes; yields each one's summary, or why it failed.

    Args:
        planned: the trials, of plugins that are installed or files; those of one data set one after the
            other.
        listener: the display.
        jobs: how many processes; each has its share of the processor's threads, and GPUs take turns.
        force: whether trials start anew.
    """
    waiting = list(planned)
    dropped: set[str] = set()
    settings = list(dict.fromkeys(trial.settings for trial in planned))
    running: dict[Connection, tuple[_Worker, TrialRun]] = {}
    idle: list[_Worker] = []
    started = 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                if not idle:
                    idle.append(_Worker(settings, started, jobs, force))
                    started += 1
                worker, trial = idle.pop(), waiting.pop(0)
                key = (settings.index(trial.settings), trial.strategy, trial.seed)
                worker.connection.send((key, dropped))
                running[worker.connection] = (worker, trial)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                worker, trial = running[connection]
                answer = worker.answer(trial, listener, dropped)
                if answer is None:
                    continue
                del running[connection]
                if worker.process.is_alive():
                    idle.append(worker)
                yield trial, answer
    finally:
        for worker in [*idle, *(worker for worker, _ in running.values())]:
            worker.end()


class _Worker:
    """A process, seen from the parent."""

    def __init__(self, settings: Sequence[Settings], number: int, jobs: int, force: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        threads = max(1, torch.get_num_threads() // jobs)  # heeds OMP_NUM_THREADS and the cores allowed
        sections = [one.sections() for one in settings]
        for one in sections:
            one["run"]["device"] = _device(one["run"]["device"], number)
        arguments = (theirs, sections, settings[0].pipelines[0].registry.files, threads, force)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def answer(
        self, trial: TrialRun, listener: Listener, dropped: set[str]
    ) -> RunSummary | AlframeError | None:
        """Passes one message on to the listener; the trial's end, or None while it runs.

        Args:
            trial: the worker's.
            listener: the display.
            dropped: event plugins that have failed, each of which is told of once; may grow.
        """
        try:
            kind, content = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return TrialError(f"its process died ({how}); the same command tries it again")
        if kind == "end":
            end: RunSummary | AlframeError = content
            if isinstance(end, RunSummary):
                listener.trial_finished(trial, end)
            return end
        if kind == "note":
            listener.note(content)
        elif kind == "dropped":
            plugin, text = content
            if plugin not in dropped:
                dropped.add(plugin)
                listener.note(text)
        else:
            getattr(listener, kind)(trial, *content)
        return None

    def end(self) -> None:
        """Stops the process; what it has written stays."""
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _device(asked: str, number: int) -> str:
    """Of several GPUs each process takes the next; a device that was named stays."""
    count = torch.cuda.device_count()
    if asked in ("auto", "cuda") and count > 1:
        return f"cuda:{number % count}"
    return asked


class _Reporter:
    """The listener inside a worker: sends all that it hears to the parent."""

    def __init__(self, connection: Connection) -> None:
        self._send: Callable[[Any], None] = connection.send
        self._reported = 0.0

    def trial_started(self, trial: TrialRun, rounds_done: int, finished: bool) -> None:
        self._send(("trial_started", (rounds_done, finished)))

    def progress(self, trial: TrialRun, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._reported > PROGRESS_SECONDS:
            self._reported = now
            self._send(("progress", (stage, done, total)))

    def round_finished(self, trial: TrialRun, record: Record) -> None:
        self._send(("round_finished", (record,)))

    def trial_finished(self, trial: TrialRun, summary: RunSummary) -> None:
        """The parent says so itself when the summary has come."""

    def note(self, text: str) -> None:
        self._send(("note", text))

    def dropped(self, plugin: str, text: str) -> None:
        self._send(("dropped", (plugin, text)))


def _work(
    connection: Connection, sections: Sequence[Sections], files: list[Path], threads: int, force: bool
) -> None:
    """What a worker does: one trial after another, until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    registry = installed()
    known: dict[tuple[int, str, int], TrialRun] = {}
    data = LoadedData()
    reporter = _Reporter(connection)
    audience = Audience(registry, reporter.dropped)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            key, dropped = connection.recv()
            audience.dropped |= dropped
            try:
                while files:
                    registry.register_file(files.pop(0))
                if key not in known:
                    found = trials(resolve(registry, sections[key[0]]))
                    known |= {(key[0], trial.strategy, trial.seed): trial for trial in found}
                trial = known[key]
                end: Any = run_trial(
                    trial, data.of(trial.settings), registry, reporter, force=force, audience=audience
                )
            except AlframeError as error:
                error.add_note(traceback.format_exc())
                end = error
            except Exception as error:  # a bug: it costs this trial, not the others
                end = TrialError(f"{type(error).__name__}: {error}")
                end.add_note(traceback.format_exc())
            connection.send(("end", end))


def _end_with_parent() -> None:
    """Ends this process when the parent does, be it by SIGKILL: it would hold its trial otherwise."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
