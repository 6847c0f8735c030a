"""A comparison, from its configuration to finished trials; the command line prints what comes of it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.contract.sections import LOCAL
from alframe.contract.trial import RunSummary
from alframe.errors import AlframeError, TrialError, UsageError
from alframe.experiments.configuration import sections_of
from alframe.experiments.data import LoadedData
from alframe.experiments.executors.elsewhere import Elsewhere, Started
from alframe.experiments.executors.executor import Executor
from alframe.experiments.executors.in_turn import InTurn
from alframe.experiments.executors.processes import Processes
from alframe.experiments.plan import suited_plan
from alframe.experiments.settings import Settings
from alframe.experiments.sweep import resolve_presets
from alframe.experiments.trial_loop import has_work_left
from alframe.experiments.trials import Listener, Trial
from alframe.experiments.watching import RunProgress
from alframe.notebooks import result_html
from alframe.records.writing import require_writable
from alframe.registry.registry import Registry, installed
from alframe.watching import in_notebook


@dataclasses.dataclass(frozen=True, repr=False)
class RunResult:
    """What came of a run.

    Attributes:
        done: each trial that is finished, with its summary: of a trial ``strategy``, ``seed``, ``name``,
            ``folder`` and ``config``, of a summary ``records`` and ``note``.
        failed: each trial that failed, and why; the same call tries it again.
        left_out: strategies that ``all`` does not mean here, each with the reason.
    """

    done: list[tuple[Trial, RunSummary]] = dataclasses.field(default_factory=list)
    failed: list[tuple[Trial, AlframeError]] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    _repr_html_ = result_html

    def __repr__(self) -> str:
        """How many of each: the trials themselves would be a page."""
        return f"RunResult({len(self.done)} done, {len(self.failed)} failed, {len(self.left_out)} left out)"


def run(
    config: Mapping[str, Mapping[str, Any]] | str | Path | None = None,
    *,
    presets: str | Sequence[str] = (),
    force: bool = False,
    listener: Listener | None = None,
    progress: bool | None = None,
    registry: Registry | None = None,
) -> RunResult:
    """Runs strategies over seeds and settings, as ``alframe run`` does, and continues what is there already.

    Args:
        config: sections as in a configuration file (``run``, ``data``, ``model``, ``train``, ``stages``,
            ``stop`` and those of plugins), or the path of one. A list where one value is expected makes
            settings.
        presets: names of ready-made settings, over which the configuration is laid; one or several.
        force: whether trials start anew, what exists of them being removed.
        listener: told how it goes, an `alframe.Listener`, in the place of what ``progress`` shows.
        progress: whether it is shown how it goes: in a notebook a bar, elsewhere a line a round on standard
            error; None: in a notebook alone.
        registry: where plugins are looked up; the installed ones by default. With ``jobs`` above 1 trials
            see installed plugins and files alone.

    Raises:
        UsageError: a name or value that can't be used, missing data, or a strategy that does not suit them:
            nothing is run.
        PluginError: a plugin that was asked for is broken, or breaks its contract in a run of one setting.

    Example:
        >>> import alframe, tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     result = alframe.run(
        ...         {
        ...             "run": {"strategy": ["margin", "random"], "seeds": [1], "rounds": 1, "out": out},
        ...             "train": {"epochs": 5},
        ...         }
        ...     )
        >>> [(trial.strategy, len(summary.records)) for trial, summary in result.done]
        [('margin', 2), ('random', 2)]
    """
    registry = registry or installed()
    names = [presets] if isinstance(presets, str) else presets
    settings = resolve_presets(registry, names, sections_of(config))
    prepared = prepare(settings, registry, force=force)
    if listener is None and (in_notebook() if progress is None else progress):
        rounds = sum(trial.settings.run.rounds + 1 for trial in prepared.planned)
        listener = RunProgress(len(prepared.planned), rounds)
    result = prepared.run(listener or Listener())
    return dataclasses.replace(result, left_out=dict(prepared.left_out.keys()) | result.left_out)


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """Trials that can run, and what runs them.

    Attributes:
        planned: the trials.
        left_out: each strategy that ``all`` does not mean here with the reason: in which settings.
        executor: who runs them.
        several: whether they are of several settings.
        data: where the data sets were loaded, with what their readers remarked.
    """

    planned: list[Trial]
    left_out: dict[tuple[str, str], list[Settings]]
    executor: Executor
    several: bool
    data: LoadedData = dataclasses.field(default_factory=LoadedData)

    def run(self, listener: Listener) -> RunResult:
        """Runs the trials, whatever fails of them.

        A trial that fails ends no other. A plugin that is broken ends the run, where its strategy was asked
        for by name and there is one setting; where ``all`` were asked for it is left out.

        Args:
            listener: told how they go.

        Raises:
            PluginError: as said.
            UsageError: of one setting can't be run what was asked for by name.
        """
        result = RunResult()
        for note in self.data.notes:
            listener.note(note)
        with contextlib.closing(self.executor.run(self.planned, listener)) as ends:
            for trial, end in ends:
                asked_for = not trial.settings.asks_for_all
                if not isinstance(end, AlframeError):
                    result.done.append((trial, end))
                elif isinstance(end, TrialError) or (asked_for and self.several):
                    result.failed.append((trial, end))
                    listener.trial_failed(trial, end)
                elif asked_for:
                    raise end
                elif trial.strategy not in result.left_out:  # what nobody asked for by name ends no run
                    result.left_out[trial.strategy] = str(end)
                    listener.note(f"{trial.strategy} is left out: {end}")
        return result

    def start(self) -> Started | None:
        """Starts the trials that have work left by their executor, and waits for none of them.

        Returns:
            What was started; None where every trial is finished.

        Raises:
            UsageError: the executor can't be had or refuses, or its jobs would end with this process.
            PluginError: its plugin is broken.
        """
        chosen = self.planned[0].settings.executor if self.planned else None
        if chosen is None or not chosen.value.outlives:
            name = chosen.name if chosen else LOCAL
            raise UsageError(
                f"trials of the executor {name!r} end with the command that started them: choose another "
                "with --executor, or leave --detach away"
            )
        assert isinstance(self.executor, Elsewhere)
        left = [trial for trial in self.planned if self.executor.force or has_work_left(trial)]
        return self.executor.start(left) if left else None


def prepare(
    settings: Sequence[Settings], registry: Registry, *, force: bool = False, dry: bool = False
) -> PreparedRun:
    """Finds out what can run, before anything does: data are loaded, and a network is built for each setting.

    Args:
        settings: those of one run.
        registry: the plugins.
        force: whether trials start anew.
        dry: whether nothing will be written.

    Raises:
        UsageError: a folder that can't be written to, data that can't be loaded, a network that does not suit
            them, or a strategy asked for by name that does not suit either.
    """
    for out in set() if dry else {one.run.out for one in settings}:
        require_writable(Path(out))
    data = LoadedData()
    planned, left_out = suited_plan(settings, data, force=force)
    executor = executor_for(planned, registry, data, force=force)
    return PreparedRun(planned, left_out, executor, several=len(settings) > 1, data=data)


def executor_for(
    planned: Sequence[Trial], registry: Registry, data: LoadedData, *, force: bool = False
) -> Executor:
    """Who was asked for; else processes, where several trials are to run side by side and any has work left.

    Args:
        planned: the trials.
        registry: the plugins.
        data: the data sets that are loaded already.
        force: whether trials start anew.

    Raises:
        UsageError: it is a plugin's, and several processes of this machine are asked for as well.
    """
    if planned and (executor := planned[0].settings.executor) is not None:
        if planned[0].settings.run.jobs > 1:
            raise UsageError(
                "run.jobs is how many processes of this machine run trials, and run.executor is "
                f"{executor.name}: give one of them; `alframe show {executor.plugin.name}` has its options"
            )
        return Elsewhere(planned[0].settings, InTurn(registry, data), force=force)
    jobs = min(planned[0].settings.run.jobs, len(planned)) if planned else 1
    if jobs > 1 and (force or any(map(has_work_left, planned))):
        return Processes(jobs, data, force=force)
    return InTurn(registry, data, force=force)
