"""The simulated experiment: an `ActiveLearner` whose questions an oracle answers, written to disk."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alframe.contract.trial import Round, RunSummary
from alframe.data.dataset import Dataset
from alframe.errors import TrialError, UsageError, one_line
from alframe.experiments.data import LoadedData, network_of
from alframe.experiments.events import Audience
from alframe.experiments.origins import Materials
from alframe.experiments.round_loop import RoundLoop
from alframe.experiments.trials import Listener, Trial
from alframe.installation import environment
from alframe.learning.learner import ActiveLearner
from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
from alframe.records.origin import facts_of
from alframe.registry.plugin import Plugin
from alframe.registry.process import kept_settings

FEATURES = ".features"  # folder in OUT for the features of frozen bodies, shared by all trials


def has_work_left(trial: Trial) -> bool:
    """Whether `run_trial` has more to do than to read the trial's records."""
    folder = TrialFolder(trial.folder)
    try:
        _, finished = folder.progress()
    except TrialError:  # another version of alframe wrote it: `run_trial` says so
        return True
    return not finished or (trial.settings.run.keep_features and not folder.has_features)


def data_of(trial: Trial, data: LoadedData, *, force: bool = False) -> Dataset | None:
    """The trial's data set; None where it can't be loaded and the trial, being finished, can do without.

    Args:
        trial: what is to be run.
        data: where data sets are loaded.
        force: whether it starts anew.

    Raises:
        UsageError: the data are missing or unusable.
        TrialError: a file can't be read, or there is no memory.
    """
    try:
        return data.of(trial.settings)
    except (UsageError, TrialError):
        if force or has_work_left(trial):
            raise
        return None


def run_trial(
    trial: Trial,
    dataset: Dataset | None,
    listener: Listener,
    *,
    force: bool = False,
    audience: Audience | None = None,
) -> RunSummary:
    """Runs a trial, or what is left of it, while no other process does.

    Args:
        trial: what to run.
        dataset: the data set as it was loaded, all labels known, on the device; None as `data_of` gives it.
        listener: the display.
        force: whether it starts anew, what exists of it being removed.
        audience: who hears of the events, the run's; by default all of the trial's registry.

    Raises:
        TrialError: the trial failed, another process runs it, or what is there was made of other data, of
            other initial weights, or is another trial's.
        PluginError: a plugin broke its contract.
    """
    folder = TrialFolder(trial.folder)
    with folder.held():
        if force:
            folder.clear()
        audience = audience or Audience(trial.pipeline.registry, lambda plugin, text: listener.note(text))
        summary = _run_held(trial, folder, Materials(trial, dataset), listener, audience)
        listener.trial_finished(trial, summary)
        return summary


def _run_held(
    trial: Trial, folder: TrialFolder, materials: Materials, listener: Listener, audience: Audience
) -> RunSummary:
    def check(saved: Checkpoint) -> None:
        if change := materials.change(saved):
            raise TrialError(change.message)

    saved = folder.load(check)
    for note in [*folder.notes, *materials.notes, *_changed_code(trial, folder, saved)]:
        listener.note(note)
    rounds = saved.rounds if saved else ()
    done = RunSummary(rounds, saved.note) if saved and saved.finished else None
    if saved and done and saved.origin is None and materials.known:
        folder.adopt(saved, materials.without_network)
    listener.trial_started(trial, len(rounds), finished=done is not None)
    if done:
        audience.send("run_started", trial, again=True)
        audience.send("run_finished", trial, again=True, summary=done)
    keeps = trial.settings.run.keep_features and not folder.has_features
    if done and not keeps:
        return done
    with kept_settings():
        learner = _learner(trial, folder, saved, materials.dataset, listener)
    if not done:
        with kept_settings():
            loop = RoundLoop(trial.settings, learner, materials.dataset.targets.cpu(), rounds)
        done = _go_on(trial, folder, learner, loop, materials, audience, listener)
    if keeps:  # of a trial that is finished already, too
        with kept_settings():
            features = learner.features()
        folder.keep_features(features)
    return done


def _learner(
    trial: Trial, folder: TrialFolder, saved: Checkpoint | None, dataset: Dataset, listener: Listener
) -> ActiveLearner:
    """The trial's learner, as it was when the checkpoint was written."""
    settings = trial.settings
    learner = ActiveLearner(
        dataset.hide_labels(),
        network_of(settings, dataset, trial.seed),
        trial.pipeline,
        seed=trial.seed,
        recipe=settings.recipe,
        device=settings.run.device,
        feature_folder=Path(settings.run.out).absolute() / FEATURES,
        progress=functools.partial(listener.progress, trial),
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


def _go_on(
    trial: Trial,
    folder: TrialFolder,
    learner: ActiveLearner,
    loop: RoundLoop,
    materials: Materials,
    audience: Audience,
    listener: Listener,
) -> RunSummary:
    """Runs the rounds that are left."""
    origin = materials.origin
    facts = facts_of(origin) | _facts(trial, folder, learner, len(loop.rounds))
    facts["data"] |= {
        "notes": list(materials.dataset.notes),
        "options": dataclasses.asdict(trial.settings.data_options),
    }
    folder.describe(trial.config, facts)
    audience.send("run_started", trial)
    for done in _undisturbed(loop):
        folder.save(Checkpoint(loop.rounds, learner.state_dict(), origin, loop.note, loop.finished))
        listener.round_finished(trial, done)
        audience.send("round_finished", trial, record=done.as_dict())
    summary = RunSummary(loop.rounds, loop.note)
    audience.send("run_finished", trial, summary=summary)
    return summary


def _undisturbed(loop: RoundLoop) -> Iterator[Round]:
    """The rounds; wherever a transform or a network leads the process, it is back when one is written."""
    rounds = iter(loop)
    while True:
        with kept_settings():
            done = next(rounds, None)
        if done is None:
            return
        yield done


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
    stages = [trial.pipeline.strategy, *trial.pipeline.providers.values()]
    files = [plugin for plugin in registry.plugins if plugin.path and not plugin.problem]
    return [*stages, settings.dataset.plugin, settings.model.plugin, *files]


def _earlier(changed: list[Plugin], before: Mapping[str, Any], rounds: int) -> list[dict[str, Any]]:
    """The code of the first ``rounds`` rounds, where it has changed since."""
    old = {plugin.key: before["plugins"][plugin.key] for plugin in changed}
    return [{"rounds": rounds, "plugins": old}] if old else []
