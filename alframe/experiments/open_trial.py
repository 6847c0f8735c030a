"""The simulated experiment: an `ActiveLearner` whose questions an oracle answers, written to disk."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from alframe.contract.recipe import TrainResult
from alframe.contract.trial import Round, RunSummary
from alframe.data.dataset import Dataset
from alframe.errors import AlframeError, TrialError, one_line
from alframe.experiments.cost import Cost, measured
from alframe.experiments.data import network_of
from alframe.experiments.events import Audience
from alframe.experiments.origins import Materials
from alframe.experiments.round_loop import RoundLoop
from alframe.experiments.trials import Listener, Trial
from alframe.installation import environment
from alframe.learning.initial import RANDOM
from alframe.learning.learner import ActiveLearner
from alframe.networks.devices import resolve_device
from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
from alframe.records.origin import facts_of
from alframe.registry.plugin import Plugin
from alframe.registry.process import kept_settings

FEATURES = ".features"  # folder in OUT for the features of frozen bodies, shared by all trials


def lacks_company(trial: Trial, saved: Checkpoint) -> bool:
    """Whether a trial that was trained at once with this one in its last round has not got that round.

    The program died while it wrote the round of each down. All then stand at the round before, so that they
    can be trained at once again: the trial goes on as if it had never been interrupted.

    Args:
        trial: the trial.
        saved: its checkpoint.
    """
    number = len(saved.rounds) - 1
    others = [trial.settings.folder / name for name in saved.rounds[-1].together if name != trial.place]
    return any(_rounds_in(folder) == number for folder in others)


def _rounds_in(folder: Path) -> int:
    try:
        return TrialFolder(folder).progress()[0]
    except TrialError:
        return -1


class OpenTrial:
    """A trial in this process's hands: used in a ``with`` block, during which no other process has it.

    Loaded, it has rounds left or has none. A round is begun, fitted (here, or by whoever drives several
    trials in step), tested and ended: then it is on disk.

    Args:
        trial: what to run.
        listener: told how it goes.
        audience: who hears of the events; by default all of the trial's registry.
        force: whether it starts anew, what exists of it being removed.

    Attributes:
        learner: the trial's, once it is loaded and has work left.
    """

    learner: ActiveLearner

    def __init__(
        self, trial: Trial, listener: Listener, audience: Audience | None = None, *, force: bool = False
    ) -> None:
        self.trial = trial
        self._listener = listener
        self._audience = audience or Audience(
            trial.pipeline.registry, lambda plugin, text: listener.note(text)
        )
        self._force = force
        self._folder = TrialFolder(trial.folder)
        self._lock = contextlib.ExitStack()
        self._loop: RoundLoop | None = None
        self._done: RunSummary | None = None
        self._is_told_of = False  # whether plugins heard that it started

    def __enter__(self) -> Self:
        """Takes the trial's folder.

        Raises:
            TrialError: another process has it.
        """
        self._lock.enter_context(self._folder.held(self._listener.note))
        return self

    def __exit__(self, *raised: object) -> None:
        """Lets it go."""
        self._lock.close()

    def load(self, dataset: Dataset | None) -> None:
        """Takes up the trial where it stands.

        Args:
            dataset: as `run_trial` has it.

        Raises:
            TrialError: as `run_trial`.
            PluginError: as `run_trial`.
        """
        trial, folder, listener = self.trial, self._folder, self._listener
        if self._force:
            folder.clear()
        materials = Materials(trial, dataset)

        def check(saved: Checkpoint) -> None:
            if change := materials.change(saved):
                raise TrialError(change.message)

        saved = folder.load(check)
        notes = folder.notes
        if saved and lacks_company(trial, saved):
            saved = folder.go_back(saved)
            notes += [f"{trial.folder}: its last round is run again, with those that lack it"]
        for note in [*notes, *materials.notes, *_changed_code(trial, folder, saved)]:
            listener.note(note)
        rounds = saved.rounds if saved else ()
        if not saved and not self._force:
            materials.require_company()
        self._done = RunSummary(rounds, saved.note) if saved and saved.finished else None
        if saved and self._done and saved.origin is None and materials.known:
            folder.adopt(saved, materials.without_network)
        listener.trial_started(trial, len(rounds), finished=self._done is not None)
        if self._done:
            self._audience.send("run_started", trial, again=True)
            self._audience.send("run_finished", trial, again=True, summary=self._done)
            if not self._keeps_features:
                return
        with kept_settings():
            self.learner = _learner(trial, folder, saved, materials, listener)
            if not self._done:
                oracle = materials.dataset.targets.cpu()
                self._loop = RoundLoop(trial.settings, self.learner, oracle, rounds)
        if not self._done:
            self._origin = materials.origin
            facts = facts_of(self._origin) | _facts(trial, folder, self.learner, len(rounds))
            facts["data"] |= {
                "notes": list(materials.dataset.notes),
                "options": dataclasses.asdict(trial.settings.data_options),
            }
            folder.describe(trial.config, facts)
            self._is_told_of = True
            self._audience.send("run_started", trial)

    @property
    def _keeps_features(self) -> bool:
        return self.trial.settings.run.keep_features and not self._folder.has_features

    @property
    def has_rounds_left(self) -> bool:
        """Whether a round can be begun."""
        return self._loop is not None and not self._loop.finished

    # Wherever a transform or a network leads the process in a round, it is back when that is written.

    def begin(self) -> None:
        """Begins a round: query and labels."""
        assert self._loop is not None
        with kept_settings():
            self._loop.begin()

    def fit(self) -> tuple[TrainResult, Cost]:
        """Trains the network: how that went, and what it cost."""
        with kept_settings(), measured(self.learner.device) as cost:
            return self.learner.fit(), cost

    def tested(self, result: TrainResult, cost: Cost) -> Round:
        """The round with the trained network's test.

        Args:
            result: how the training went.
            cost: what it cost.
        """
        assert self._loop is not None
        with kept_settings():
            return self._loop.tested(result, cost)

    def end(self, done: Round) -> None:
        """Ends the round, writes it down, and tells of it.

        Args:
            done: what `tested` gave.
        """
        loop, trial = self._loop, self.trial
        assert loop is not None
        with kept_settings():
            loop.end(done)
        self._folder.save(
            Checkpoint(loop.rounds, self.learner.state_dict(), self._origin, loop.note, loop.finished)
        )
        self._listener.round_finished(trial, done)
        self._audience.send("round_finished", trial, record=done.as_dict())

    def fail(self, error: AlframeError) -> None:
        """Tells of the trial's failure, where its start was told of.

        Args:
            error: why it failed.
        """
        if self._is_told_of:
            self._audience.send("run_failed", self.trial, reason=one_line(error))

    def finish(self) -> RunSummary:
        """What came of the trial, which has no rounds left; tells of it."""
        if self._loop is not None:
            self._done = RunSummary(self._loop.rounds, self._loop.note)
            self._audience.send("run_finished", self.trial, summary=self._done)
        assert self._done is not None
        if self._keeps_features:  # of a trial that is finished already, too
            with kept_settings():
                features = self.learner.features()
            self._folder.keep_features(features)
        self._listener.trial_finished(self.trial, self._done)
        return self._done


def _learner(
    trial: Trial, folder: TrialFolder, saved: Checkpoint | None, materials: Materials, listener: Listener
) -> ActiveLearner:
    """The trial's learner, as it was when the checkpoint was written."""
    settings, dataset = trial.settings, materials.dataset
    features = Path(settings.run.out).absolute() / FEATURES
    progress = functools.partial(listener.progress, trial)
    learner = ActiveLearner(
        dataset.hide_labels(),
        network_of(settings, dataset, trial.seed),
        trial.pipeline,
        seed=trial.seed,
        start=settings.start_of(trial.pipeline) or RANDOM,
        pool_size=settings.run.pool_size,
        recipe=settings.recipe,
        device=settings.run.device,
        fixed=materials.fixed(
            resolve_device(settings.run.device), features, functools.partial(progress, "features")
        ),
        feature_folder=features,
        progress=progress,
    )
    if saved:
        _restore(learner, saved, dataset, folder)
    return learner


def _restore(learner: ActiveLearner, saved: Checkpoint, dataset: Dataset, folder: TrialFolder) -> None:
    """Takes up where the checkpoint was written; what it holds may have the right checksum and be wrong."""
    try:
        learner.load_state_dict(saved.learner)
        queried = [position for done in saved.rounds for position in done.queried]
        fits = (
            learner.labelled.tolist() == queried
            and bool(learner.labelled.max() < len(dataset))
            and learner.targets.shape == learner.labelled.shape
            and set(learner.targets.tolist()) <= set(range(dataset.num_classes))
            and learner.round == len(saved.rounds) - 1
        )
    except Exception as error:
        raise TrialError(_unfit(folder, one_line(error))) from error
    if not fits:
        raise TrialError(_unfit(folder, "other samples are labelled than its records say"))


def _unfit(folder: TrialFolder, why: str) -> str:
    return f"{folder.path}: the checkpoint does not fit the trial ({why[:200]}); --force starts it anew"


def _changed_code(trial: Trial, folder: TrialFolder, saved: Checkpoint | None) -> list[str]:
    """What is to be said where a plugin's code is not that of the rounds that there are."""
    changed = environment.changed_code(folder.environment() if saved else {}, _serving(trial))
    return [
        f"the code of plugin {plugin.name!r} ({plugin.provider}) is not that of the rounds in "
        f"{folder.path.parent.parent}; --force runs them anew"
        for plugin in changed
    ]


def _facts(trial: Trial, folder: TrialFolder, learner: ActiveLearner, rounds: int) -> dict[str, Any]:
    """What ``environment.json`` says, with the code of earlier rounds where it has changed since."""
    serving = _serving(trial)
    before = folder.environment() if rounds else {}
    facts = environment.describe(learner.device, serving)
    changed = environment.changed_code(before, serving)
    if earlier := before.get("earlier", []) + _earlier(changed, before, rounds):
        facts["earlier"] = earlier
    return facts


def _serving(trial: Trial) -> list[Plugin]:
    """The plugins that a trial depends on; files all, as one may listen or wrap and serve no stage."""
    settings, registry = trial.settings, trial.pipeline.registry
    stages = [*trial.pipeline.plugins]
    if start := settings.start_of(trial.pipeline):
        stages += start.plugins
    files = [plugin for plugin in registry.plugins if plugin.path and not plugin.problem]
    offered = [settings.dataset.plugin, settings.model.plugin]
    if settings.features and settings.features.offer:
        offered.append(settings.features.offer.plugin)
    return [*stages, *offered, *files]


def _earlier(changed: list[Plugin], before: Mapping[str, Any], rounds: int) -> list[dict[str, Any]]:
    """The code of the first ``rounds`` rounds, where it has changed since."""
    old = {plugin.key: before["plugins"][plugin.key] for plugin in changed}
    return [{"rounds": rounds, "plugins": old}] if old else []
