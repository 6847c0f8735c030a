"""Progress on standard error: bars on a terminal, one plain line a round elsewhere, or nothing."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from alframe.contract.trial import Round, RunSummary
from alframe.errors import AlframeError
from alframe.experiments.trials import Listener, Trial
from alframe_cli.output import console
from alframe_cli.plain_text import echo, plain_line


def make_display(kind: str, quiet: bool, trials: int, rounds: int) -> SilentDisplay:
    """Chooses a display.

    Args:
        kind: ``auto``, ``rich``, ``plain`` or ``none``.
        quiet: whether only results are wanted.
        trials: trials of the run.
        rounds: records of all of them.
    """
    if quiet or kind == "none":
        return SilentDisplay(quiet)
    if kind == "rich" or (kind == "auto" and sys.stderr.isatty()):
        return RichDisplay(trials, rounds)
    return PlainDisplay()


class SilentDisplay(Listener):
    """Shows notes alone, and with ``quiet`` not even those."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def trial_finished(self, trial: Trial, summary: RunSummary) -> None:
        """Shows why a trial ended early."""
        if summary.note:
            self.note(f"{trial.name}: {summary.note}")

    def note(self, text: str) -> None:
        """Shows a remark, once, be it true of many trials."""
        if not self._quiet and text not in self._notes:
            self._notes.add(text)
            self._write_note(text)

    def _write_note(self, text: str) -> None:
        echo(f"note: {text}", err=True)


class PlainDisplay(SilentDisplay):
    """One line a round."""

    def trial_started(self, trial: Trial, rounds_done: int, finished: bool) -> None:
        """Says where a trial goes on."""
        total = trial.settings.run.rounds + 1
        if rounds_done and not finished:
            echo(f"{trial.name}: continues after {rounds_done} of {total} trainings", err=True)

    def round_finished(self, trial: Trial, done: Round) -> None:
        """Shows a round."""
        echo(f"{trial.name}  {_describe(trial, done)}", err=True)

    def trial_finished(self, trial: Trial, summary: RunSummary) -> None:
        """Shows the last accuracy."""
        super().trial_finished(trial, summary)
        last = summary.rounds[-1]
        echo(
            f"{trial.name}: finished, accuracy {last.accuracy:.4f} with {last.labelled} labels",
            err=True,
        )

    def trial_failed(self, trial: Trial, reason: AlframeError) -> None:
        """Says so at once, where other trials go on."""
        echo(f"{trial.name}: failed", err=True)


class RichDisplay(SilentDisplay):
    """A bar of all rounds of the run, and one a running trial: the work inside its present round."""

    def __init__(self, trials: int, rounds: int) -> None:
        super().__init__()
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            console=console(stderr=True),
            transient=True,
        )
        self._all = self._bars.add_task(f"{trials} trials", total=rounds, unit="rounds", state="")
        self._parts: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def trial_started(self, trial: Trial, rounds_done: int, finished: bool) -> None:
        """Counts what an earlier run has done."""
        self._bars.update(self._all, advance=rounds_done)
        self._parts[trial.name] = self._bars.add_task(
            f"  {plain_line(trial.name)}", total=None, unit="", state=""
        )

    def progress(self, trial: Trial, stage: str, done: int, total: int) -> None:
        """Moves the inner bar."""
        unit = "epochs" if stage == "train" else "steps"
        part = self._parts[trial.name]
        self._bars.update(part, completed=done, total=total, unit=f"{unit} of {plain_line(stage)}")

    def round_finished(self, trial: Trial, done: Round) -> None:
        """Moves the outer bar and shows the accuracy."""
        state = f"{done.labelled} labels, accuracy {done.accuracy:.3f}"
        self._bars.update(self._all, advance=1)
        self._bars.update(self._parts[trial.name], state=state)

    def trial_finished(self, trial: Trial, summary: RunSummary) -> None:
        """Leaves a line behind."""
        super().trial_finished(trial, summary)
        last = summary.rounds[-1]
        self._bars.update(self._all, advance=trial.settings.run.rounds + 1 - len(summary.rounds))
        self._bars.remove_task(self._parts.pop(trial.name))
        self._print(f"{trial.name}: accuracy {last.accuracy:.4f} with {last.labelled} labels")

    def trial_failed(self, trial: Trial, reason: AlframeError) -> None:
        """Takes its bar away."""
        if part := self._parts.pop(trial.name, None):
            self._bars.remove_task(part)
        self._print(f"{trial.name}: failed")

    def _write_note(self, text: str) -> None:
        self._print(f"note: {text}")

    def _print(self, line: str) -> None:
        self._bars.console.print(plain_line(line), markup=False, highlight=False)


def _describe(trial: Trial, done: Round) -> str:
    return (
        f"round {done.round}/{trial.settings.run.rounds}  {done.labelled} labels  "
        f"accuracy {done.accuracy:.4f}  query {done.query_seconds:.2f} s  "
        f"training {done.train_seconds:.2f} s ({done.epochs} epoch{'' if done.epochs == 1 else 's'})"
    )
