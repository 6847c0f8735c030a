"""The simulated experiment: an `ActiveLearner` whose questions an oracle answers, written to disk."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from alframe.contract.trial import Round, RunSummary
from alframe.data.dataset import Dataset
from alframe.errors import TrialError
from alframe.experiments.data import network_of
from alframe.experiments.events import Audience
from alframe.experiments.round_loop import RoundLoop
from alframe.experiments.trials import Listener, Trial
from alframe.installation import environment
from alframe.learning.learner import ActiveLearner
from alframe.learning.loading import split
from alframe.records.checkpoint import Checkpoint
from alframe.records.folder import TrialFolder
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


def run_trial(
    trial: Trial,
    dataset: Dataset,
    listener: Listener,
    *,
    force: bool = False,
    audience: Audience | None = None,
) -> RunSummary:
    """Runs a trial, or what is left of it, while no other process does.

    Args:
        trial: what to run.
        dataset: the data set, all labels known, on the device.
        listener: the display.
        force: whether it starts anew, what exists of it being removed.
        audience: who hears of the events, the run's; by default all of the trial's registry.

    Raises:
        TrialError: the trial failed, another process runs it, or its checkpoint does not fit it.
        PluginError: a plugin broke its contract.
    """
    folder = TrialFolder(trial.folder)
    with folder.held():
        if force:
            folder.clear()
        audience = audience or Audience(trial.pipeline.registry, lambda plugin, text: listener.note(text))
        dataset = split(dataset, trial.settings.data_options, trial.seed)
        summary = _run_held(trial, folder, dataset, listener, audience)
        listener.trial_finished(trial, summary)
        return summary


def _run_held(
    trial: Trial, folder: TrialFolder, dataset: Dataset, listener: Listener, audience: Audience
) -> RunSummary:
    saved = folder.load()
    for note in [*folder.notes, *_changed_code(trial, folder, saved)]:
        listener.note(note)
    rounds = saved.rounds if saved else ()
    done = RunSummary(rounds, saved.note) if saved and saved.finished else None
    listener.trial_started(trial, len(rounds), finished=done is not None)
    if done:
        audience.send("run_started", trial, again=True)
        audience.send("run_finished", trial, again=True, summary=done)
    keeps = trial.settings.run.keep_features and not folder.has_features
    if done and not keeps:
        return done
    with kept_settings():
        learner = _learner(trial, folder, saved, dataset, listener)
    if not done:
        with kept_settings():
            loop = RoundLoop(trial.settings, learner, dataset.targets.cpu(), rounds)
        done = _go_on(trial, folder, learner, loop, _fingerprint(dataset), audience, listener)
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
        if saved.data != _fingerprint(dataset):
            raise TrialError(
                f"{folder.path}: the data have changed since this trial began; --force starts it anew"
            )
        learner.load_state_dict(saved.learner)
    return learner


def _go_on(
    trial: Trial,
    folder: TrialFolder,
    learner: ActiveLearner,
    loop: RoundLoop,
    fingerprint: str,
    audience: Audience,
    listener: Listener,
) -> RunSummary:
    """Runs the rounds that are left."""
    folder.describe(trial.config, _facts(trial, folder, learner, len(loop.rounds)))
    audience.send("run_started", trial)
    for done in _undisturbed(loop):
        folder.save(Checkpoint(loop.rounds, learner.state_dict(), fingerprint, loop.note, loop.finished))
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


def _fingerprint(dataset: Dataset) -> str:
    """Tells data sets apart well enough to notice that a file was replaced."""
    parts = [
        list(dataset.inputs.shape),
        f"{dataset.inputs.sum(dtype=torch.float64):.6g}",
        int(dataset.targets.sum()),
    ]
    return repr(parts)
