"""The simulated experiment: an `ActiveLearner` whose questions an oracle answers, written to disk."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.trial import Record, RunSummary
from alframe.data.dataset import Dataset
from alframe.errors import TrialError
from alframe.experiments.cost import Cost, measured
from alframe.experiments.data import network_of
from alframe.experiments.events import Audience
from alframe.experiments.trials import Listener, TrialRun
from alframe.installation import environment
from alframe.learning.diagnostics import agreement, class_entropy
from alframe.learning.learner import ActiveLearner
from alframe.records.folder import TrialFolder
from alframe.registry.plugin import Plugin
from alframe.registry.registry import Registry

FEATURES = ".features"  # folder in OUT for the features of frozen bodies, shared by all trials


def has_work_left(trial: TrialRun) -> bool:
    """Whether `run_trial` has more to do than to read the trial's records."""
    folder = TrialFolder(trial.folder)
    try:
        _, finished = folder.progress()
    except TrialError:  # another version of alframe wrote it: `run_trial` says so
        return True
    return not finished or (trial.settings.run.keep_features and not folder.has_features)


def run_trial(
    trial: TrialRun,
    dataset: Dataset,
    registry: Registry,
    listener: Listener,
    *,
    force: bool = False,
    audience: Audience | None = None,
) -> RunSummary:
    """Runs a trial, or what is left of it, while no other process does.

    Args:
        trial: what to run.
        dataset: the data set, all labels known, on the device.
        registry: the plugins.
        listener: the display.
        force: whether it starts anew, what exists of it being removed.
        audience: who hears of the events, the run's; by default all of the registry.

    Raises:
        TrialError: the trial failed, another process runs it, or its checkpoint does not fit it.
        PluginError: a plugin broke its contract.
    """
    folder = TrialFolder(trial.folder)
    with folder.held():
        if force:
            folder.clear()
        audience = audience or Audience(registry, lambda plugin, text: listener.note(text))
        return _run_held(trial, folder, dataset, registry, listener, audience)


def _run_held(
    trial: TrialRun,
    folder: TrialFolder,
    dataset: Dataset,
    registry: Registry,
    listener: Listener,
    audience: Audience,
) -> RunSummary:
    settings = trial.settings
    if dataset.test_inputs is None:
        stream = seeds.generator(trial.seed, "split")
        dataset = dataset.split_test(settings.data_options.test_fraction, stream)
    if (imbalance := settings.data_options.imbalance) is not None:
        dataset = dataset.long_tailed(imbalance, seeds.generator(trial.seed, "imbalance"))
    saved = folder.load()
    for note in folder.notes:
        listener.note(note)
    records: list[Record] = saved["records"] if saved else []
    for plugin in environment.changed_code(folder.environment() if saved else {}, _serving(trial)):
        listener.note(
            f"the code of plugin {plugin.name!r} ({plugin.provider}) is not that of the rounds in "
            f"{folder.path.parent.parent}; --force runs them anew"
        )
    keeps = settings.run.keep_features and not folder.has_features
    done = RunSummary(records, saved["note"]) if saved and saved["finished"] else None
    listener.trial_started(trial, len(records), finished=done is not None)
    if done:
        audience.send("run_started", trial, again=True)
        audience.send("run_finished", trial, again=True, summary=done)
    if done and not keeps:
        listener.trial_finished(trial, done)
        return done
    learner = ActiveLearner(
        dataset.hide_labels(),
        network_of(settings, dataset, trial.seed),
        trial.pipeline,
        seed=trial.seed,
        recipe=settings.recipe,
        device=settings.run.device,
        registry=registry,
        feature_folder=Path(settings.run.out) / FEATURES,
    )
    learner.progress = functools.partial(listener.progress, trial)
    if saved:
        if saved["learner"]["data"] != _fingerprint(dataset):
            raise TrialError(
                f"{folder.path}: the data have changed since this trial began; --force starts it anew"
            )
        learner.load_state_dict(saved["learner"])
    summary = done or _go_on(trial, folder, learner, records, dataset, audience, listener)
    if keeps:  # of a trial that is finished already, too
        folder.keep_features(learner.features())
    listener.trial_finished(trial, summary)
    return summary


def _go_on(
    trial: TrialRun,
    folder: TrialFolder,
    learner: ActiveLearner,
    records: list[Record],
    dataset: Dataset,
    audience: Audience,
    listener: Listener,
) -> RunSummary:
    """Runs the rounds that are left; adds to ``records``."""
    fingerprint = _fingerprint(dataset)
    serving = _serving(trial)
    before = folder.environment() if records else {}
    facts = environment.describe(learner.device, serving)
    changed = environment.changed_code(before, serving)
    if earlier := before.get("earlier", []) + _earlier(changed, before, len(records)):
        facts["earlier"] = earlier
    folder.describe(trial.settings.sections((trial.pipeline,), (trial.seed,)), facts)
    audience.send("run_started", trial)
    note = ""
    for record, note, finished in _rounds(trial, learner, dataset.targets.cpu(), records):
        records.append(record)
        folder.save(records, learner.state_dict() | {"data": fingerprint}, note, finished)
        listener.round_finished(trial, record)
        audience.send("round_finished", trial, record=record)
    summary = RunSummary(records, note)
    audience.send("run_finished", trial, summary=summary)
    return summary


def _rounds(
    trial: TrialRun, learner: ActiveLearner, oracle: Tensor, records: list[Record]
) -> Iterator[tuple[Record, str, bool]]:
    """Runs round after round; yields the record, a note, and whether it was the last.

    The caller adds each record to ``records`` before it asks for the next.
    """
    options, stop = trial.settings.run, trial.settings.stop
    last = options.rounds
    watched = _stop_set(trial, len(oracle))
    # The last round's network is at hand, also where the trial goes on, and so are its predictions.
    predicted = learner.predict(watched) if watched is not None and records else None
    for number in range(len(records), last + 1):
        query = Cost()
        topped_up = 0
        diagnostics: dict[str, float] = {}
        if number == 0:
            queried = initial_set(learner, oracle, options.initial_size, options.initial)
            logged: Mapping[str, Mapping[str, float]] = {}
        else:
            pool = learner.unlabelled
            with measured(learner.device) as query:
                selection = learner.query(options.size_of_query(number))
            queried, topped_up, logged = pool[selection.picks], selection.topped_up, learner.logged
            diagnostics = learner.diagnose(queried, oracle[queried])
        learner.tell(queried, oracle[queried])
        with measured(learner.device) as training:
            result = learner.fit()
        record: Record = {
            "round": number,
            "labelled": len(learner.labelled),
            **dataclasses.asdict(learner.evaluate()),
            "epochs": result.epochs,
            "train_accuracy": result.accuracy,
            "train_loss": result.loss,
            "validation": learner.validation_size,
            "validation_accuracy": result.validation_accuracy,
            "best_epoch": result.best_epoch,
            "query_seconds": round(query.seconds, 6),
            "query_peak_memory": query.peak_memory,
            "train_seconds": round(training.seconds, 6),
            "train_peak_memory": training.peak_memory,
            "topped_up": topped_up,
            "queried": queried.tolist(),
            "diagnostics": diagnostics
            | {"labelled_entropy": round(float(class_entropy(learner.targets, learner.num_classes)), 6)},
            "logged": {name: values for name, values in {**logged, **learner.logged}.items() if values},
        }
        if watched is not None:
            before, predicted = predicted, learner.predict(watched)
            record["stability"] = None if before is None else agreement(before, predicted)
        reason = stop.reason([*records, record])
        note = f"stopped after {number} of {last} rounds: {reason}" if reason and number < last else ""
        if not len(learner.unlabelled) and number < last:
            note = f"the pool was exhausted after {number} of {last} rounds"
        yield record, note, bool(note) or number == last
        if note:
            return


def _stop_set(trial: TrialRun, size: int) -> Tensor | None:
    """The samples whose predictions are compared from round to round: the seed's, whatever the strategy."""
    stop = trial.settings.stop
    if stop.stability is None:
        return None
    order = torch.randperm(size, generator=seeds.generator(trial.seed, "stop set"))
    return order[: stop.stability_samples].sort().values


def initial_set(learner: ActiveLearner, oracle: Tensor, size: int, how: str) -> Tensor:
    """The samples labelled at the start, the same for every strategy at one seed.

    Args:
        learner: a learner with nothing labelled.
        oracle: every label, ``M`` class numbers.
        size: how many; the whole pool where that is smaller.
        how: ``"random"``, or ``"balanced"``: as many of each class as can be, short classes filled up
            from the others.
    """
    order = learner.ask(len(oracle))
    if how == "balanced":
        # The i-th sample of its class comes before any (i+1)-th: take the classes in turn.
        labels = oracle[order]
        turn = torch.zeros_like(labels)
        for label in labels.unique():
            of_class = labels == label
            turn[of_class] = torch.arange(int(of_class.sum()))
        order = order[turn.argsort(stable=True)]
    return order[:size]


def _serving(trial: TrialRun) -> list[Plugin]:
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
