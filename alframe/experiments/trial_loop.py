"""A trial from start to end, and what is known of it before it is run."""

from __future__ import annotations

from alframe.contract.trial import RunSummary
from alframe.data.dataset import Dataset
from alframe.errors import TrialError, UsageError
from alframe.experiments.data import LoadedData
from alframe.experiments.events import Audience
from alframe.experiments.open_trial import OpenTrial, lacks_company
from alframe.experiments.trials import Listener, Trial
from alframe.records.folder import TrialFolder


def has_work_left(trial: Trial) -> bool:
    """Whether `run_trial` has more to do than to read the trial's records."""
    folder = TrialFolder(trial.folder)
    try:
        saved = folder.saved()
    except TrialError:  # another version of alframe wrote it: `run_trial` says so
        return True
    if saved is None or not saved.finished or lacks_company(trial, saved):
        return True
    return trial.settings.run.keep_features and not folder.has_features


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
    with OpenTrial(trial, listener, audience, force=force) as opened:
        opened.load(dataset)
        while opened.has_rounds_left:
            opened.begin()
            opened.end(opened.tested(*opened.fit()))
        return opened.finish()
