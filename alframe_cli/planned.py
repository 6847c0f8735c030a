"""What ``run`` says before it starts: the trials, what exists of them, and who is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alframe.data.dataset import Dataset
from alframe.errors import AlframeError, TrialError
from alframe.experiments.configuration import Sections
from alframe.experiments.data import LoadedData
from alframe.experiments.origins import Materials
from alframe.experiments.plan import where
from alframe.experiments.settings import Settings
from alframe.experiments.sweep import as_sections
from alframe.experiments.trials import Trial
from alframe.records.folder import TrialFolder
from alframe.registry.registry import Registry
from alframe_cli.output import print_json, print_table
from alframe_cli.plain_text import echo


def print_plan(planned: Sequence[Trial], as_json: bool, data: LoadedData | None = None) -> None:
    """Prints a row a trial; its setting where there are several.

    Args:
        planned: the trials.
        as_json: whether for programs.
        data: where data sets are loaded, against which what exists is held.
    """
    data = data or LoadedData()
    rows = [
        {
            "setting": trial.settings.label,
            "strategy": trial.strategy,
            "seed": trial.seed,
            "state": _state(trial, data),
            "folder": str(trial.folder),
        }
        for trial in planned
    ]
    if as_json:
        print_json(rows)
        return
    columns = ["strategy", "seed", "state", "folder"]
    if any(row["setting"] for row in rows):
        columns.insert(0, "setting")
    print_table(columns, [[str(row[column]) for column in columns] for row in rows])


def print_left_out(
    left_out: Mapping[tuple[str, str], Sequence[Settings]], settings: Sequence[Settings], registry: Registry
) -> None:
    """Notes which strategies ``all`` does not mean, and why.

    Args:
        left_out: strategy and reason, and the settings in which it is so.
        settings: all settings.
        registry: whose broken plugins are named too.
    """
    for (name, reason), some in left_out.items():
        echo(f"note: {where(some, settings)}{name} is left out: {reason}", err=True)
    for name, reason in {name: reason for name, _, reason in registry.problems()}.items():
        echo(f"note: {name} is left out: {reason}", err=True)


def print_unused(settings: Sequence[Settings], given: Sections) -> None:
    """Notes plugins that were given options and serve no stage; a preset has options for whoever may run."""
    unused = {name for one in settings for name in one.unused_sections()}
    for name in sorted(unused & given.keys()):
        echo(f"note: options of {name!r} are given, but no strategy here uses it", err=True)


def print_config(settings: Sequence[Settings], given: Sections) -> None:
    """Prints the complete configuration."""
    import tomli_w

    echo(tomli_w.dumps(as_sections(settings, given)), nl=False)


def _state(trial: Trial, data: LoadedData) -> str:
    folder = TrialFolder(trial.folder)
    try:
        saved = folder.saved()
    except TrialError:  # another version of alframe wrote it
        return "not readable"
    if saved and (change := Materials(trial, _loaded(trial, data)).change(saved)):
        return change.what
    total = trial.settings.run.rounds + 1
    state = "new"
    if saved:
        state = "finished" if saved.finished else f"{len(saved.rounds)} of {total}"
    return f"damaged, {state}" if folder.notes else state


def _loaded(trial: Trial, data: LoadedData) -> Dataset | None:
    """The trial's data set; None where it can't be loaded: that is said when the trial is run."""
    try:
        return data.of(trial.settings)
    except AlframeError:
        return None
