"""What is run: trials, and who is told how they go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from alframe.contract.trial import Round, RunSummary
from alframe.errors import AlframeError
from alframe.experiments.configuration import Sections
from alframe.experiments.settings import Settings, resolve, safe_name
from alframe.learning.pipeline import Pipeline
from alframe.registry.registry import Registry


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """One strategy with one seed on one setting. Plugins see it as an `alframe.TrialRun`.

    Attributes:
        settings: the run it belongs to.
        pipeline: the strategy.
        seed: the trial's seed.
    """

    settings: Settings
    pipeline: Pipeline
    seed: int

    def __repr__(self) -> str:
        """Its name: the settings would be a page."""
        return f"Trial({self.name!r})"

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
    def place(self) -> str:
        """``<strategy>/seed-<k>``: its folder in the setting's."""
        return f"{safe_name(self.strategy)}/seed-{self.seed}"

    @property
    def folder(self) -> Path:
        """``OUT/<dataset>/<setting>/<strategy>/seed-<k>``."""
        return self.settings.folder / self.place

    @property
    def config(self) -> Sections:
        """Every resolved value by section, as in ``config.toml``: a dictionary of its own."""
        return self.settings.sections((self.pipeline,), (self.seed,))

    def itself(self) -> Trial:
        """The trial: what `Task.trial` gives of a task."""
        return self

    @property
    def task(self) -> Task:
        """The trial as plain data."""
        files = tuple(str(path) for path in self.pipeline.registry.files)
        return Task(self.config, dict(self.settings.varied), files)


@dataclasses.dataclass(frozen=True)
class Task:
    """A trial as plain data: what another process needs to run it.

    Attributes:
        sections: every resolved value by section.
        varied: what tells its setting from the others of a sweep.
        files: the plugins that are files, by path.
    """

    sections: Sections
    varied: Mapping[str, str]
    files: tuple[str, ...]

    @property
    def seed(self) -> int:
        """The trial's."""
        seed: int = self.sections["run"]["seeds"][0]
        return seed

    def trial(self, registry: Registry, device: str | None = None) -> Trial:
        """The trial, resolved anew.

        Args:
            registry: the plugins; the task's files are added.
            device: where it runs, in the place of what was asked for.

        Raises:
            UsageError: the installed plugins are not those that the task was made with.
            PluginError: one of its plugins is broken.
        """
        for file in self.files:
            registry.register_file(Path(file))
        sections = self.sections
        if device is not None:
            sections = sections | {"run": sections["run"] | {"device": device}}
        settings = resolve(registry, sections, self.varied)
        return Trial(settings, settings.pipelines[0], settings.run.seeds[0])


class Listener:
    """Who is told how a run goes. Nothing interests this one; others inherit what they don't need."""

    def trial_started(self, trial: Trial, rounds_done: int, finished: bool) -> None:
        """A trial starts, continues after ``rounds_done`` rounds, or is finished with them."""

    def progress(self, trial: Trial, stage: str, done: int, total: int) -> None:
        """Work inside a round: epochs of training, steps of a strategy."""

    def round_finished(self, trial: Trial, done: Round) -> None:
        """A round is on disk."""

    def trial_finished(self, trial: Trial, summary: RunSummary) -> None:
        """A trial is done, be it since an earlier run."""

    def trial_failed(self, trial: Trial, reason: AlframeError) -> None:
        """A trial has failed; others go on."""

    def note(self, text: str) -> None:
        """Something worth knowing that is no error."""
