"""Trials that an engine runs elsewhere: written down as tasks, started by it, watched through their files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from alframe.contract.executors import Job
from alframe.contract.trial import Round, RunSummary
from alframe.errors import TrialError
from alframe.experiments.executors.engine import Engine
from alframe.experiments.executors.executor import End, Ends, Executor
from alframe.experiments.settings import Settings
from alframe.experiments.tasks import WrittenTask, write_tasks
from alframe.experiments.trial_loop import has_work_left
from alframe.experiments.trials import Listener, Trial
from alframe.records.folder import TrialFolder
from alframe.records.live import Signs, failure_file, live_file, read_sign
from alframe.records.rounds import read_rounds

PATIENCE = 3  # looks at the folder of a trial whose job has ended: other machines see files late


class Elsewhere:
    """Runs trials by the executor of a plugin. An `Executor`.

    Args:
        settings: those of one run: of the first is the executor.
        here: shows what is finished already.
        force: whether trials start anew.

    Attributes:
        force: likewise.
    """

    def __init__(self, settings: Settings, here: Executor, *, force: bool = False) -> None:
        self._settings = settings
        self._here = here
        self.force = force

    def run(self, planned: Sequence[Trial], listener: Listener) -> Ends:
        """Runs trials elsewhere; yields each one's end as its folder has it."""
        left = [trial for trial in planned if self.force or has_work_left(trial)]
        if finished := [trial for trial in planned if trial not in left]:
            yield from self._here.run(finished, listener)
        if not left:
            return
        started = self.start(left)
        engine = started.engine
        try:
            listener.note(started.told)
            watched = list(started.watched)
            told: set[str] = set()
            while watched:
                jobs = engine.look([one.job for one in watched])
                for note in {job.note: 0 for job in jobs.values() if job.state == "waiting" and job.note}:
                    if note not in told:
                        told.add(note)
                        listener.note(f"{engine.name}: {note}")
                for one in tuple(watched):
                    if (end := one.look(jobs[one.job], listener)) is not None:
                        watched.remove(one)
                        if isinstance(end, RunSummary):
                            listener.trial_finished(one.trial, end)
                        yield one.trial, end
                if watched:
                    time.sleep(engine.info.seconds)
        finally:
            if not engine.info.outlives:
                engine.cancel([one.job for one in started.watched])

    def start(self, planned: Sequence[Trial]) -> Started:
        """Starts trials, but for those whose jobs wait or run already.

        Args:
            planned: the trials, each with work left.

        Raises:
            UsageError: the engine can't be had, or refuses.
            PluginError: its plugin is broken.
        """
        executor = self._settings.executor
        assert executor is not None
        folder = write_tasks(planned, force=self.force)
        engine = Engine(executor, self._settings.executor_options, folder)
        paths = [folder / f"{number}.json" for number in range(len(planned))]
        jobs = engine.alive()
        lacking = [(path, trial) for path, trial in zip(paths, planned, strict=True) if path.stem not in jobs]
        for _, trial in lacking:
            Signs(trial.folder).succeed()  # why it failed once is not why it fails now
        if lacking:
            jobs = engine.submit([path for path, _ in lacking])
        watched = [
            Watched(trial, path, jobs[path.stem], self.force)
            for path, trial in zip(paths, planned, strict=True)
        ]
        return Started(engine, watched, len(lacking))


@dataclasses.dataclass(frozen=True)
class Started:
    """Trials in an engine's hands.

    Attributes:
        engine: it.
        watched: the trials.
        new: how many were started now; others ran already.
    """

    engine: Engine
    watched: Sequence[Watched]
    new: int

    @property
    def told(self) -> str:
        """What to tell people."""
        count = len(self.watched)
        trials = "1 trial is" if count == 1 else f"{count} trials are"
        earlier = "" if self.new == count else f", {count - self.new} since an earlier command"
        names = list(dict.fromkeys(one.job for one in self.watched))
        jobs = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
        return f"{trials} in the hands of {self.engine.name}{earlier}: {jobs}"


class Watched:
    """A trial that runs elsewhere, seen through its folder.

    Args:
        trial: it.
        path: its task.
        job: the name of what runs it.
        force: whether it starts anew, so that what is there is not its own until it has begun.
    """

    def __init__(self, trial: Trial, path: Path, job: str, force: bool) -> None:
        self.trial = trial
        self.job = job
        self._path = path
        self._task = WrittenTask.of(trial, force=True) if force else None
        self._told = 0 if force else len(self._rounds())  # rounds that the listener knows
        self._has_started = False
        self._seen: object = None
        self._sign: object = None
        self._ended = 0

    def look(self, job: Job, listener: Listener) -> End | None:
        """Tells what is new; how the trial ended, or None while it hasn't.

        Args:
            job: how its job stands.
            listener: the display.
        """
        sign = read_sign(live_file(self.trial.folder))
        if self._has_begun:
            self._tell(sign, listener)
            is_whole = self._has_started and self._told > self.trial.settings.run.rounds and sign is None
            if (job.state == "ended" or is_whole) and (summary := self._summary()) is not None:
                return summary
        if job.state != "ended":
            self._ended = 0
            return None
        failure = read_sign(failure_file(self.trial.folder))
        if failure is not None and failure.get("reason"):
            return TrialError(str(failure["reason"]))
        self._ended += 1
        return None if self._ended < PATIENCE else self._lost(job)

    @property
    def _has_begun(self) -> bool:
        if self._task is not None and not self._task.starts_anew(self._path):
            self._task = None
        return self._task is None

    def _tell(self, sign: dict[str, object] | None, listener: Listener) -> None:
        rounds = self.trial.folder / "rounds.jsonl"
        try:
            status = rounds.stat()
        except OSError:
            seen: object = None
        else:
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if not self._has_started:
            if sign is None and (seen is None or len(self._rounds()) <= self._told):
                return
            self._has_started = True
            listener.trial_started(self.trial, self._told, False)
        if seen != self._seen:
            for done in self._rounds()[self._told :]:
                self._told = done.round + 1
                listener.round_finished(self.trial, done)
            self._seen = seen
        if sign is not None and sign != self._sign:
            self._sign = sign
            steps, total = sign.get("done"), sign.get("total")
            if isinstance(steps, int) and isinstance(total, int) and total:
                listener.progress(self.trial, str(sign.get("stage")), steps, total)

    def _rounds(self) -> list[Round]:
        try:
            return read_rounds(self.trial.folder)
        except ValueError:  # a file that is being replaced, as some file systems show it
            return []

    def _summary(self) -> RunSummary | None:
        """What came of it, where it is finished."""
        if has_work_left(self.trial):
            return None
        saved = TrialFolder(self.trial.folder).saved()
        return None if saved is None else RunSummary(saved.rounds, saved.note)

    def _lost(self, job: Job) -> TrialError:
        if not self._has_started:
            hint = f"; is {self._path.parent.parent.parent} a folder that its machine sees?"
        else:
            hint = f" after {self._told} rounds"
        why = f" ({job.note})" if job.note else ""
        return TrialError(f"its job {self.job} ended{hint}{why}; the same command tries it again")
