"""How a run goes, for `alframe.run` in a notebook or a script."""

from __future__ import annotations

import dataclasses
import sys

from alframe.contract.trial import Round, RunSummary
from alframe.errors import AlframeError, one_line
from alframe.experiments.trials import Listener, Trial
from alframe.notebooks import table
from alframe.watching import Board, bar, in_notebook, printable

MOST = 8  # trials and notes that are shown


@dataclasses.dataclass
class _Going:
    """A trial that is running."""

    rounds: int
    labelled: int | None = None
    accuracy: float | None = None
    work: str = ""


class RunProgress(Listener):
    """Shows a run: in a notebook a bar and what is running, elsewhere a line a round on standard error.

    Args:
        trials: how many there are.
        rounds: of all of them.
    """

    def __init__(self, trials: int, rounds: int) -> None:
        self._trials, self._rounds = trials, rounds
        self._done = self._ended = 0
        self._going: dict[str, _Going] = {}
        self._failed: list[str] = []
        self._notes: dict[str, None] = {}
        self._board = Board() if in_notebook() else None

    def trial_started(self, trial: Trial, rounds_done: int, finished: bool) -> None:
        """Counts what an earlier run has done."""
        self._done += rounds_done
        self._going[trial.name] = _Going(rounds_done)
        self._show()

    def progress(self, trial: Trial, stage: str, done: int, total: int) -> None:
        """Says what is going on inside a round."""
        if trial.name in self._going:
            self._going[trial.name].work = f"{stage} {done} of {total}"
            self._show()

    def round_finished(self, trial: Trial, done: Round) -> None:
        """Counts the round."""
        self._done += 1
        self._going[trial.name] = _Going(done.round + 1, done.labelled, done.accuracy)
        self._show()
        total = trial.settings.run.rounds
        said = f"{done.labelled} labels  accuracy {done.accuracy:.4f}"
        self._write(f"{trial.name}  round {done.round}/{total}  {said}")

    def trial_finished(self, trial: Trial, summary: RunSummary) -> None:
        """Takes it from those that run."""
        self._done += trial.settings.run.rounds + 1 - len(summary.rounds)
        self._end(trial)
        if summary.note:
            self.note(f"{trial.name}: {summary.note}")

    def trial_failed(self, trial: Trial, reason: AlframeError) -> None:
        """Says why."""
        self._failed.append(f"{trial.name} failed: {one_line(reason)}")
        self._end(trial)
        self._write(self._failed[-1])

    def note(self, text: str) -> None:
        """Shows a remark, once, be it true of many trials."""
        if text not in self._notes:
            self._notes[text] = None
            self._show()
            self._write(f"note: {text}")

    def _end(self, trial: Trial) -> None:
        self._going.pop(trial.name, None)
        self._ended += 1
        self._show(now=True)

    def _show(self, *, now: bool = False) -> None:
        if self._board is not None:
            self._board.show(self._picture, now=now)

    def _picture(self) -> str:
        words = f"{self._done} of {self._rounds} rounds, {self._ended} of {self._trials} trials"
        rows = [
            (name, one.rounds, one.labelled, one.accuracy, one.work)
            for name, one in list(self._going.items())[:MOST]
        ]
        remarks = "; ".join([*self._failed[-MOST:], *list(self._notes)[-MOST:]])
        running = table("", ("trial", "rounds", "labelled", "accuracy", ""), rows, remarks)
        return bar(self._done, self._rounds, words) + (running if rows or remarks else "")

    def _write(self, line: str) -> None:
        if self._board is None:
            print(printable(line), file=sys.stderr, flush=True)
