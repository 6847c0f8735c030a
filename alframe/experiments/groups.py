"""Which trials of a run are run in step, so that their networks can be trained at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alframe.errors import TrialError
from alframe.experiments.data import LoadedData
from alframe.experiments.open_trial import lacks_company
from alframe.experiments.trials import Trial
from alframe.networks.devices import resolve_device
from alframe.records.folder import TrialFolder

MOST = {"cuda": 64}  # trials at once where nobody says how many: more gain nothing
MOST_ELSEWHERE = 10
MOST_BYTES = 1 << 31  # of the data that the trials of a group hold each for itself


def grouped(
    planned: Sequence[Trial], data: LoadedData, jobs: int = 1, *, force: bool = False
) -> list[list[Trial]]:
    """The trials in groups, in the order of their first ones; most often each is alone.

    Trials of one setting with one trainer that begin now are a group. Trials that were trained at once in
    their last round stay one, and one that was trained alone stays alone: what is continued is as if it had
    never been interrupted.

    Args:
        planned: trials of one run.
        data: knows of data sets and networks that were looked at how large they are.
        jobs: how many groups there are to be at least.
        force: whether they start anew.
    """
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for trial in planned:
        groups.setdefault(_company(trial, data, force), []).append(trial)
    found: list[list[Trial]] = []
    for key, group in groups.items():
        begins = key[-1] == ()
        found += _parts(group, jobs, _most(group[0], data)) if begins else [group]
    return found


def _company(trial: Trial, data: LoadedData, force: bool) -> tuple[object, ...]:
    """Equal for trials that are run in step; the last part is () where they begin now."""
    setting = (id(trial.settings), trial.pipeline.providers["train"].key)
    if _asked(trial, data) == 1 or not trial.pipeline.trains_together:
        return (*setting, trial.place)
    if force:
        return (*setting, ())
    folder = TrialFolder(trial.folder)
    try:
        saved = folder.saved()
        if saved and lacks_company(trial, saved):
            saved = folder.before(saved)
    except TrialError:  # another version of alframe wrote it: who runs it says so
        return (*setting, trial.place)
    if saved is None:
        return (*setting, ())
    last = saved.rounds[-1].together
    return (*setting, trial.place if saved.finished or not last else (len(saved.rounds), last))


def _asked(trial: Trial, data: LoadedData) -> int:
    """Most trials of a group, as the user has it."""
    run = trial.settings.run
    if run.together == "off":
        return 1
    if run.together != "auto":
        return int(run.together)
    if not data.pays_together.get(trial.settings):
        return 1
    return MOST.get(resolve_device(run.device).type, MOST_ELSEWHERE)


def _most(trial: Trial, data: LoadedData) -> int:
    """The same, as far as memory goes."""
    own = data.own_bytes.get(trial.settings.data_key, 0)
    return max(1, min(_asked(trial, data), MOST_BYTES // max(1, own)))


def _parts(group: list[Trial], jobs: int, most: int) -> list[list[Trial]]:
    """Trials that begin now, in as many parts as wanted, none of them too large and all of like sizes."""
    parts = max(min(jobs, len(group)), math.ceil(len(group) / most))
    size = math.ceil(len(group) / parts)
    return [group[start : start + size] for start in range(0, len(group), size)]
