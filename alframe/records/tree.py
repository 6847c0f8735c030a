"""The folders that runs are in, read back: every setting with its strategies, seeds and rounds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from alframe.errors import UsageError
from alframe.records.authors import read_csv_curves
from alframe.records.belonging import copies_of, own_trials
from alframe.records.rounds import Curves, Unusable, read_curves

LEVELS = {"setting": 0, "dataset": 1, "overall": 2}  # how many folders lie between DIR and a setting's runs
EXPECTED = (
    "expected <dataset>/<setting>/<strategy>/seed-<k>/rounds.jsonl as `alframe run` writes it, or "
    "<dataset>/<setting>/<strategy>_seed<k>.csv of the ALFA-Mix authors' program, or a folder inside"
)


@dataclasses.dataclass(frozen=True, eq=False)
class SettingRuns:
    """The runs of one setting: data set, model, training recipe, budgets.

    Attributes:
        dataset: name of the data set's folder.
        name: name of the setting's folder.
        strategies: the trials by strategy, then by seed, both sorted.
        path: the setting's folder, where there is one.
    """

    dataset: str
    name: str
    strategies: Mapping[str, Mapping[int, Curves]]
    path: Path | None = None

    def files(self, name: str) -> dict[tuple[str, int], Path]:
        """The files of a name in the folders of trials that alframe wrote, by strategy and seed."""
        if self.path is None:
            return {}
        files = {
            (strategy, seed): self.path / strategy / f"seed-{seed}" / name
            for strategy, trials in self.strategies.items()
            for seed in trials
        }
        return {key: file for key, file in files.items() if file.is_file()}


@dataclasses.dataclass(frozen=True, eq=False)
class ResultsTree:
    """What was found under a folder.

    Attributes:
        level: what the folder is: ``"overall"``, ``"dataset"`` or ``"setting"``.
        settings: the settings with at least one trial, sorted by data set and name.
        notes: what was left out or had to be decided, a line each.
    """

    level: str
    settings: list[SettingRuns]
    notes: list[str]


def read_tree(
    folder: Path, level: str | None = None, aliases: Mapping[str, str] | None = None
) -> ResultsTree:
    """Reads every run under a folder.

    Folders whose name starts with a dot are passed over. A file that is damaged is left out and named in the
    notes; a trial that was interrupted counts as far as it got.

    Args:
        folder: all runs, those of one data set, or those of one setting.
        level: which of the three it is: ``"overall"``, ``"dataset"`` or ``"setting"``; by default found out.
        aliases: the names by which strategies of the authors' program are to be called, where they differ.

    Raises:
        UsageError: there is no such folder, no usable run in it, or runs at two levels and ``level`` is None.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}")
    try:
        return _read_tree(folder, level, aliases or {})
    except OSError as error:
        raise UsageError(f"{error.filename or folder} can't be read: {error.strerror}") from error


def _read_tree(folder: Path, level: str | None, aliases: Mapping[str, str]) -> ResultsTree:
    candidates = {name: _settings_below(folder, depth) for name, depth in LEVELS.items()}
    found = {name: paths for name, paths in candidates.items() if paths and level in (None, name)}
    if not found:
        others = [name for name, paths in candidates.items() if paths]
        hint = f"; with --level {others[0]} there are" if others else ""
        at = f" at level {level}" if level else ""
        raise UsageError(f"no runs in {folder}{at}{hint}: {EXPECTED}")
    if len(found) > 1:
        raise UsageError(f"{folder} has runs as {' and as '.join(found)}: say which with --level")
    level, paths = next(iter(found.items()))
    copies = copies_of(paths)
    notes = [f"{copy} is left out: its trials are those of {of}, copied" for copy, of in copies.items()]
    settings = [_read_setting(path, aliases, notes) for path in paths if path not in copies]
    settings = [setting for setting in settings if setting.strategies]
    if not settings:
        raise UsageError(f"no usable run in {folder}: {notes[0]}")
    return ResultsTree(level, settings, notes)


def _settings_below(folder: Path, depth: int) -> list[Path]:
    folders = [folder]
    for _ in range(depth):
        folders = [child for parent in folders for child in _folders(parent)]
    return [path for path in folders if any(_own_trials(path)) or any(_csv_trials(path))]


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))


def _own_trials(setting: Path) -> list[tuple[str, int, Path]]:
    """Strategy, seed and file of each trial that alframe wrote."""
    return [
        (strategy.name, int(match[1]), seed / "rounds.jsonl")
        for strategy in _folders(setting)
        for seed in _folders(strategy)
        if (match := re.fullmatch(r"seed-(\d+)", seed.name))
    ]


def _csv_trials(setting: Path) -> list[tuple[str, int, Path]]:
    """Strategy, seed and file of each trial that the authors' program wrote."""
    return [
        (match[1], int(match[2]), path)
        for path in sorted(setting.glob("*.csv"))
        if (match := re.fullmatch(r"([^.].*)_seed(\d+)\.csv", path.name))
    ]


def _read_setting(path: Path, aliases: Mapping[str, str], notes: list[str]) -> SettingRuns:
    strategies: dict[str, dict[int, Curves]] = {}
    percent = 0
    renamed = [(aliases.get(name, name), seed, file) for name, seed, file in _csv_trials(path)]
    own, remarks = own_trials(path, _own_trials(path))
    notes += remarks
    for strategy, seed, file in [*own, *renamed]:
        if seed in strategies.setdefault(strategy, {}):
            notes.append(f"{file} is left out: {strategy} with seed {seed} is there already")
            continue
        try:
            if file.suffix == ".csv":
                strategies[strategy][seed], in_percent = read_csv_curves(file)
                percent += in_percent
            else:
                strategies[strategy][seed] = read_curves(file)
        except Unusable as reason:
            notes.append(f"{file} is left out: {reason}")
    if percent:
        notes.append(f"{path}: {percent} csv files have accuracies above 1 and are read as percent")
    by_name = {
        name: dict(sorted(strategies[name].items())) for name in sorted(strategies) if strategies[name]
    }
    real = path.resolve()
    return SettingRuns(real.parent.name, real.name, by_name, path)
