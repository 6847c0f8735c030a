"""What is run: trials, how they end, and who is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

from alframe.contract.trial import Record, RunSummary
from alframe.experiments.settings import Settings, safe_name
from alframe.learning.pipeline import Pipeline


@dataclasses.dataclass(frozen=True, eq=False)
class TrialRun:
    """One strategy with one seed on one setting.

    Attributes:
        settings: the run it belongs to.
        pipeline: the strategy.
        seed: the trial's seed.
    """

    settings: Settings
    pipeline: Pipeline
    seed: int

    @property
    def strategy(self) -> str:
        """The strategy's name, with whatever differs from its defaults."""
        return self.pipeline.label

    @property
    def name(self) -> str:
        """For people: setting where there are several, strategy, seed."""
        setting = f"{self.settings.label}: " if self.settings.label else ""
        return f"{setting}{self.strategy} seed {self.seed}"

    @property
    def folder(self) -> Path:
        """``OUT/<dataset>/<setting>/<strategy>/seed-<k>``."""
        settings = self.settings
        return (
            Path(settings.run.out)
            / settings.dataset_folder
            / settings.setting_folder
            / safe_name(self.strategy)
            / f"seed-{self.seed}"
        )


class Listener(Protocol):
    """Who is told how a run goes."""

    def trial_started(self, trial: TrialRun, rounds_done: int, finished: bool) -> None:
        """A trial starts, continues after ``rounds_done`` records, or is finished with them."""

    def progress(self, trial: TrialRun, stage: str, done: int, total: int) -> None:
        """Work inside a round: epochs of training, steps of a strategy."""

    def round_finished(self, trial: TrialRun, record: Record) -> None:
        """A round's record is on disk."""

    def trial_finished(self, trial: TrialRun, summary: RunSummary) -> None:
        """A trial is done, be it since an earlier run."""

    def note(self, text: str) -> None:
        """Something worth knowing that is no error."""
