"""The trials of a run: which there are, and which can run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe.contract.sections import MOST_TRIALS
from alframe.data.dataset import Dataset
from alframe.defaults.stacked import pays_together
from alframe.errors import DamagedFileError, TrialError, UsageError, one_line
from alframe.experiments.data import LoadedData, network_of
from alframe.experiments.settings import Settings, label_of
from alframe.experiments.trial_loop import has_work_left
from alframe.experiments.trials import Trial
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device
from alframe.records.folder import TrialFolder

NAMED_AT_MOST = 5  # settings in a message


def trials(settings: Settings) -> list[Trial]:
    """The trials of a run: every seed of the first strategy, then of the next."""
    return [Trial(settings, pipeline, seed) for pipeline in settings.pipelines for seed in settings.run.seeds]


def suited(planned: list[Trial], dataset: Dataset, model: Classifier) -> tuple[list[Trial], dict[str, str]]:
    """Which of the trials can run with this network on these data.

    Args:
        planned: trials of one run.
        dataset: its data set.
        model: its network.

    Returns:
        The trials that can, and the reason of each strategy that is left out.

    Raises:
        UsageError: a strategy that was asked for by name can't.
    """
    settings = planned[0].settings
    reasons = {}
    for pipeline in settings.pipelines:
        if reason := pipeline.why_unsuited(model, dataset.example()):
            if not settings.asks_for_all:
                raise UsageError(reason)
            reasons[pipeline.label] = reason
    return [trial for trial in planned if trial.strategy not in reasons], reasons


def plan(settings: Sequence[Settings]) -> list[Trial]:
    """The trials of all settings; what several have in common is run once.

    Raises:
        UsageError: there are too many.
    """
    _require_few(settings)
    return _unique(trial for one in settings for trial in trials(one))


def suited_plan(
    settings: Sequence[Settings], data: LoadedData, *, force: bool = False
) -> tuple[list[Trial], dict[tuple[str, str], list[Settings]]]:
    """The same of those that can run, so that what can't is known before anything is trained.

    Each data set is loaded once for this, the first one last: ``data`` then holds what is needed first. Where
    one can't be, a setting of finished trials alone is planned all the same: they are read, and a note of
    ``data`` says that they were not held against the data.

    Args:
        settings: what `resolve_sweep` made.
        data: where the data sets are loaded.
        force: whether trials start anew.

    Returns:
        The trials, and each strategy that is left out with the reason: in which settings.

    Raises:
        UsageError: data that can't be loaded, a network that does not suit them, or a strategy asked for by
            name that does not suit either; the message names the settings. `DamagedFileError` where nothing
            but damaged files is in the way.
    """
    _require_few(settings)
    planned: list[list[Trial]] = []
    left_out: dict[tuple[str, str], list[Settings]] = {}
    failures: dict[str, list[Settings]] = {}
    damaged = 0
    for one in reversed(settings):
        try:
            dataset = data.of(one)
        except (UsageError, TrialError) as error:
            if finished := [] if force else finished_alone(one):
                data.notes.append(
                    f"the data of {one.folder} can't be loaded, so its finished trials are shown without a "
                    f"check that they are of these data: {one_line(error)}"
                )
                planned.insert(0, finished)
                continue
            if isinstance(error, TrialError):
                raise
            failures.setdefault(str(error), []).insert(0, one)
            damaged += isinstance(error, DamagedFileError)
            continue
        try:
            model = network_of(one, dataset, one.run.seeds[0])
            if one.features is not None:
                one.features.require_suited(dataset)
            able, reasons = suited(trials(one), dataset, model)
        except UsageError as error:
            failures.setdefault(str(error), []).insert(0, one)
            continue
        data.pays_together[one] = _pays_together(one, model)
        planned.insert(0, able)
        for reason in reasons.items():
            left_out.setdefault(reason, []).insert(0, one)
    if failures:
        lines = [f"{where(of, settings)}{message}" for message, of in reversed(failures.items())]
        head = "nothing is run, as some settings can't:\n  " if len(lines) > 1 else ""
        kind = DamagedFileError if damaged == sum(map(len, failures.values())) else UsageError
        raise kind(head + "\n  ".join(lines))
    return _unique(itertools.chain(*planned)), left_out


def _pays_together(settings: Settings, model: Classifier) -> bool:
    device = resolve_device(settings.run.device)
    if settings.pipelines[0].providers["train"].info.trains != "head":
        return pays_together(model, device)
    # on a CPU one head's samples stay in the cache from step to step, and several heads' do not
    return device.type != "cpu" and pays_together(model.head, device)


def finished_alone(settings: Settings) -> list[Trial]:
    """The trials of a setting, where they are finished: what is to be shown of them needs no data.

    Returns:
        None of them where one has work left, or where they are not all of the same data. Of all strategies,
        those that never ran are no such trials: who knows whether they suit the data.
    """
    there = [trial for trial in trials(settings) if trial.folder.exists() or not settings.asks_for_all]
    if any(map(has_work_left, there)):
        return []
    saved = [TrialFolder(trial.folder).saved() for trial in there]
    contents = {one.origin.content if one.origin else one.fingerprint for one in saved if one}
    return there if len(contents) == 1 else []


def _require_few(settings: Sequence[Settings]) -> None:
    number = sum(len(one.pipelines) * len(one.run.seeds) for one in settings)
    if number > MOST_TRIALS:
        seeds = max(len(one.run.seeds) for one in settings)
        raise UsageError(
            f"this makes {number:,} trials, of {len(settings):,} settings with up to {seeds:,} seeds; a run "
            f"has at most {MOST_TRIALS:,}: give fewer seeds, strategies or values"
        )


def _unique(planned: Iterable[Trial]) -> list[Trial]:
    """Each trial once: where only a strategy's option varies, other strategies' trials are the same."""
    found: dict[Path, Trial] = {}
    for trial in planned:
        found.setdefault(trial.folder, trial)
    return list(found.values())


def where(some: Sequence[Settings], of: Sequence[Settings]) -> str:
    """Says which settings a message is about, and a colon; "" where it is about all."""
    if len(some) == len(of):
        return ""
    labels = [one.label for one in some]
    shared = dict(set.intersection(*({*one.varied.items()} for one in some)))
    if sum(shared.items() <= one.varied.items() for one in of) == len(some):
        labels = [label_of({key: value for key, value in some[0].varied.items() if key in shared})]
    return "; ".join([*labels[:NAMED_AT_MOST], *(["..."] if len(labels) > NAMED_AT_MOST else [])]) + ": "
