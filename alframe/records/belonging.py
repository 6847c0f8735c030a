"""Which trials of a setting's folder belong together: no copy counts twice, no two data sets are averaged."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from alframe.records.origin import ENVIRONMENT, Recorded, read_recorded
from alframe.records.reading import Unusable, parse_json, read_text

Found = tuple[str, int, Path]  # strategy, seed and rounds of a trial
ANEW = "`alframe run --force` runs them anew"


def own_trials(setting: Path, trials: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """The trials that may be held against each other.

    What is not known of a trial is held against nobody: an earlier alframe did not record it.

    Args:
        setting: the folder.
        trials: those in it.

    Returns:
        Those that stay, and notes on the others and on what else differs.
    """
    notes: list[str] = []
    known: dict[Found, Recorded] = {}
    copies = set()
    for trial in trials:
        strategy, seed, file = trial
        try:
            recorded = read_recorded(file.parent)
        except Unusable as reason:
            notes.append(f"{file.parent / ENVIRONMENT} can't be read: {reason}; its trial is taken as it is")
            continue
        if recorded is None:
            continue
        if (recorded.trial["strategy"], recorded.trial["seed"]) == (strategy, str(seed)):
            known[trial] = recorded
        else:
            copies.add(trial)
            notes.append(f"{file.parent} is left out: it is {recorded.name}, copied or renamed")
    others = _others(known, lambda one: one.trial["kind"], setting.resolve().name)
    if others:
        notes.append(f"{_named(setting, others)}: left out, being of another setting, copied or moved here")
    same = {trial: recorded for trial, recorded in known.items() if trial not in others}
    changed = _others(same, lambda one: one.content, "")
    if changed:
        notes.append(f"{_named(setting, changed)}: left out, being of other data than the rest; {ANEW}")
    paired = {trial: one for trial, one in same.items() if trial not in changed}
    notes += _unpaired(setting, paired)
    if apart := _others(paired, lambda one: one.features, ""):
        notes.append(f"{_named(setting, apart)}: with other fixed features than the rest; {ANEW}")
    left_out = copies | others | changed
    kept = [trial for trial in trials if trial not in left_out]
    return kept, notes + _started_apart(setting, kept)


def copies_of(settings: Sequence[Path]) -> dict[Path, Path]:
    """The settings of which every trial is one of another setting, too: a copied folder is no second setting.

    Args:
        settings: the folders.

    Returns:
        By folder, the one that it is a copy of.
    """
    made = [(path, *_made_of(path)) for path in settings] if len(settings) > 1 else []
    # What was written where it lies comes first, then what has more trials.
    kept: list[tuple[Path, set[str]]] = []
    copies = {}
    for path, own, _ in sorted(made, key=lambda one: (not one[2], -len(one[1]))):
        original = next((other for other, theirs in kept if own and own <= theirs), None)
        if original is None:
            kept.append((path, own))
        else:
            copies[path] = original
    return copies


def _made_of(setting: Path) -> tuple[set[str], bool]:
    """What each trial of a setting was made of, and whether the setting's folder is where they were written.

    Nothing where that is not known of some of them.
    """
    found: set[str] = set()
    at_home = False
    for folder in setting.glob("*/seed-*"):
        try:
            recorded = read_recorded(folder)
        except Unusable:
            recorded = None
        if recorded is None:
            return set(), False
        names = [recorded.trial[name] for name in ("kind", "strategy", "seed")]
        found.add(json.dumps([*names, recorded.content, recorded.initial]))
        at_home |= recorded.trial["setting"] == setting.resolve().name
    return found, at_home


def _others(known: dict[Found, Recorded], key: Callable[[Recorded], str], name: str) -> set[Found]:
    """The trials that differ in something from most; where as many say one thing as another, from the newest.

    Args:
        known: the trials.
        key: what they should have in common.
        name: of the setting's folder: what was written here counts first.
    """
    groups: dict[str, list[Found]] = collections.defaultdict(list)
    for trial, recorded in known.items():
        groups[key(recorded)].append(trial)
    if len(groups) < 2:
        return set()

    def weight(trials: list[Found]) -> tuple[bool, int, float]:
        at_home = any(known[trial].trial["setting"] == name for trial in trials)
        return at_home, len(trials), max(_written(file) for _, _, file in trials)

    kept = max(groups.values(), key=weight)
    return set(known) - set(kept)


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _unpaired(setting: Path, known: dict[Found, Recorded]) -> list[str]:
    """A note on seeds whose strategies did not start from the same initial weights."""
    by_seed: dict[int, set[str]] = collections.defaultdict(set)
    for (_, seed, _), recorded in known.items():
        if recorded.initial:
            by_seed[seed].add(recorded.initial)
    seeds = [str(seed) for seed, found in sorted(by_seed.items()) if len(found) > 1]
    if not seeds:
        return []
    which = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
    return [f"{setting}: strategies with {which} did not start from the same initial weights; {ANEW}"]


def _started_apart(setting: Path, trials: Sequence[Found]) -> list[str]:
    """A note on strategies that did not start from the labelled set of most: they chose their own."""
    by_seed: dict[int, dict[str, frozenset[int]]] = collections.defaultdict(dict)
    for strategy, seed, file in trials:
        if (start := _first_labelled(file)) is not None:
            by_seed[seed][strategy] = start
    apart = set()
    for starts in by_seed.values():
        common, count = collections.Counter(starts.values()).most_common(1)[0]
        apart |= {name for name, start in starts.items() if start != common or count == 1 < len(starts)}
    if not apart:
        return []
    return [
        f"{setting}: not all strategies started from the same labelled set ({', '.join(sorted(apart))}): "
        "what is compared is start and strategy together; run.initial=random compares strategies alone"
    ]


def _first_labelled(file: Path) -> frozenset[int] | None:
    """The samples of a trial's first round; None where they are not to be read."""
    try:
        return frozenset(map(int, parse_json(read_text(file).partition("\n")[0])["queried"]))
    except (FileNotFoundError, Unusable, ValueError, TypeError, KeyError):
        return None


def _named(setting: Path, trials: set[Found]) -> str:
    """The trials by strategy, as ``runs/digits/mlp-1: margin seed 1, 2; random seed 1``."""
    by_strategy: dict[str, list[int]] = collections.defaultdict(list)
    for strategy, seed, _ in sorted(trials):
        by_strategy[strategy].append(seed)
    parts = [f"{name} seed {', '.join(map(str, seeds))}" for name, seeds in by_strategy.items()]
    return f"{setting}: {'; '.join(parts)}"
