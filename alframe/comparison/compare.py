"""Everything that a comparison of strategies says, from the trials of one setting or many."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alframe.comparison.areas import Area, Saving, areas, common_grid, labels_saved
from alframe.comparison.calibration import Calibration, calibrations
from alframe.comparison.curves import CurvePoint, budget_curve, deviation
from alframe.comparison.ranks import Ranks, rank
from alframe.comparison.significance import Criterion, PenaltyMatrix, penalty_matrix, total_penalties
from alframe.comparison.verdicts import FEW, OUTCOMES, Verdict, verdicts
from alframe.contract.sections import REFERENCES as REFERENCES
from alframe.errors import UsageError
from alframe.records.rounds import Curves
from alframe.records.tree import ResultsTree, SettingRuns


@dataclasses.dataclass(frozen=True)
class QueryCost:
    """What a query costs; None where the source does not say.

    Attributes:
        seconds: mean over a trial's queries, then over seeds.
        seconds_std: standard deviation over seeds of a trial's mean (S-1 degrees of freedom); None with one.
        peak_memory: largest of all queries, in bytes.
        train_seconds: mean over a trial's trainings, then over seeds.
    """

    seconds: float | None
    seconds_std: float | None
    peak_memory: float | None
    train_seconds: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class SettingComparison:
    """One setting.

    Attributes:
        setting: the trials.
        curves: accuracy by labelled-set size, by strategy, over the seeds that have it.
        areas: area under the budget curve, by strategy; absent where nothing can be compared.
        costs: by strategy.
        savings: labels saved, for each reference and strategy.
        penalties: the pairwise penalty matrix.
        verdicts: for each reference and strategy; two references are held against each other once.
        notes: what is left out, a line each.
        calibrations: how well probabilities are calibrated at the last size in common, by strategy; absent
            where that is not recorded.
    """

    setting: SettingRuns
    curves: Mapping[str, list[CurvePoint]]
    areas: Mapping[str, Area]
    costs: Mapping[str, QueryCost]
    savings: list[Saving]
    penalties: PenaltyMatrix
    verdicts: list[Verdict]
    notes: list[str]
    calibrations: Mapping[str, Calibration]


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """All settings.

    Attributes:
        settings: one by one.
        total: the penalty matrices' sum; None with one setting, or where none has every strategy.
        ranks: mean ranks by area; None where fewer than two settings have every strategy.
        tally: in how many settings each verdict falls, by strategy and reference; empty with one setting.
        notes: on what holds for more than one setting.
    """

    settings: list[SettingComparison]
    total: PenaltyMatrix | None
    ranks: Ranks | None
    tally: Mapping[tuple[str, str], Mapping[str, int]]
    notes: list[str]


def compare(
    settings: Sequence[SettingRuns],
    references: Sequence[str] = REFERENCES,
    criterion: Criterion | None = None,
) -> Comparison:
    """Compares the strategies of each setting, and sums up over settings.

    Args:
        settings: at least one, as `alframe.records.tree.read_tree` gives them.
        references: strategies that the others are held against; where a setting lacks one, a note says so.
        criterion: when a difference counts; ``holm`` corrects the verdicts' p-values, too.
    """
    criterion = criterion or Criterion()
    found = [_compare_setting(setting, references, criterion) for setting in settings]
    notes = []
    smallest = min(len(trials) for setting in settings for trials in setting.strategies.values())
    if smallest < FEW:
        seeds = "one seed" if smallest == 1 else f"{smallest} seeds"
        notes.append(f"as few as {seeds} a strategy: {FEW} or more make a difference easier to trust")
    if len(found) == 1:
        notes.append("mean ranks need at least two settings")
        return Comparison(found, None, None, {}, notes)
    total = total_penalties([one.penalties for one in found])
    if len({name for setting in settings for name in setting.strategies}) == 1:
        notes.append("there is one strategy: nothing to compare it with")
    elif total is None:
        notes.append("no setting has every strategy, tested against every other: the matrices are not summed")
    elif total.settings < len(found):
        notes.append(
            f"the matrix sums the {total.settings} of {len(found)} settings that have every strategy, tested "
            "against every other; with fewer strategies more settings may count"
        )
    ranks = _ranks(found, notes)
    tally: dict[tuple[str, str], collections.Counter[str]] = {}
    for one in found:
        for verdict in one.verdicts:
            key = (verdict.strategy, verdict.reference)
            tally.setdefault(key, collections.Counter())[verdict.outcome] += 1
    ordered = {key: {o: counts[o] for o in OUTCOMES if counts[o]} for key, counts in tally.items()}
    return Comparison(found, total, ranks, ordered, notes)


def notes_of(found: Comparison) -> Iterator[str]:
    """What a comparison has to remark: of each setting, named where there are several, and of all."""
    for one in found.settings:
        where = f"{one.setting.dataset}/{one.setting.name}: " if len(found.settings) > 1 else ""
        yield from (f"{where}{note}" for note in one.notes)
    yield from found.notes
    yield from found.ranks.notes if found.ranks else ()


def choose(tree: ResultsTree, strategies: Sequence[str]) -> list[SettingRuns]:
    """The settings with some strategies alone, in the order given; settings that have none are left out.

    Args:
        tree: what was found.
        strategies: names.

    Raises:
        UsageError: a name that no setting has.
    """
    require_strategies(tree, strategies)
    chosen = [
        dataclasses.replace(
            setting,
            strategies={name: setting.strategies[name] for name in strategies if name in setting.strategies},
        )
        for setting in tree.settings
    ]
    return [setting for setting in chosen if setting.strategies]


def require_strategies(tree: ResultsTree, names: Sequence[str]) -> None:
    """Raises `UsageError` for a name that no setting has."""
    known = sorted({name for setting in tree.settings for name in setting.strategies})
    for name in names:
        if name not in known:
            raise UsageError(f"no runs of strategy {name!r} here; there are runs of {', '.join(known)}")


def query_cost(trials: Mapping[int, Curves]) -> QueryCost:
    """What the queries of a strategy cost.

    Args:
        trials: by seed.
    """
    seconds = _known([_mean(trial.query_seconds) for trial in trials.values()])
    memory = _known(np.concatenate([trial.query_peak_memory for trial in trials.values()]))
    training = _known([_mean(trial.train_seconds) for trial in trials.values()])
    return QueryCost(
        seconds=float(np.mean(seconds)) if seconds else None,
        seconds_std=deviation(seconds),
        peak_memory=max(memory, default=None),
        train_seconds=float(np.mean(training)) if training else None,
    )


def _compare_setting(
    setting: SettingRuns, references: Sequence[str], criterion: Criterion
) -> SettingComparison:
    grid = common_grid(setting)
    area = areas(grid)
    penalties, notes = penalty_matrix(setting, criterion)
    present = [name for name in references if name in area]
    notes = [*grid.notes, *notes]
    if len(grid.sizes) > 1:  # else the grid's note says why there is nothing
        notes += [
            f"nothing is held against {name}: there are no {what} of it"
            for name in references
            if name not in area
            for what in ["complete trials" if name in setting.strategies else "runs"]
        ]
    savings = [
        labels_saved(grid, name, reference) for reference in present for name in area if name != reference
    ]
    return SettingComparison(
        setting=setting,
        curves={name: budget_curve(trials) for name, trials in setting.strategies.items()},
        areas=area,
        costs={name: query_cost(trials) for name, trials in setting.strategies.items()},
        savings=[saving for saving in savings if saving],
        penalties=penalties,
        verdicts=[
            verdict
            for number, reference in enumerate(present)
            for verdict in verdicts(_without(area, present[:number]), reference, criterion.holm)
        ],
        notes=notes,
        calibrations=calibrations(setting, int(grid.sizes[-1])) if len(grid.sizes) else {},
    )


def _without(area: Mapping[str, Area], names: Sequence[str]) -> dict[str, Area]:
    return {name: value for name, value in area.items() if name not in names}


def _ranks(settings: list[SettingComparison], notes: list[str]) -> Ranks | None:
    names = list(dict.fromkeys(name for one in settings for name in one.setting.strategies))
    complete = [one for one in settings if set(one.areas) == set(names)]
    if len(names) < 2 or len(complete) < 2:
        there = f"{len(names)} and {len(complete)}"
        notes.append(f"mean ranks need two strategies, and two settings that have every strategy: {there}")
        return None
    if len(complete) < len(settings):
        notes.append(
            f"ranks are over the {len(complete)} of {len(settings)} settings that have every strategy"
        )
    return rank(names, np.array([[one.areas[name].mean for name in names] for one in complete]))


def _known(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [float(value) for value in values if np.isfinite(value)]


def _mean(values: NDArray[np.float64]) -> float:
    known = _known(values)
    return float(np.mean(known)) if known else float("nan")
