"""Whether a strategy is worth it, in words: against random sampling, against margin sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

from alframe.comparison.areas import LEVEL, Area
from alframe.comparison.significance import ALPHA, DIGITS, holm, paired_t

FEW = 10  # seeds, below which a verdict is called one of few
LEAST = 3  # seeds, below which there is none
OUTCOMES = ("beats", "loses to", "no difference", "too few seeds")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A strategy held against a reference by the area under the budget curve, over seeds in common.

    Attributes:
        strategy: its name.
        reference: whom it is held against.
        outcome: one of `OUTCOMES`.
        difference: mean difference of the areas, strategy minus reference; None without a seed in common.
        low: lower end of the 95 % interval of the difference by Student's t; None with too few seeds.
        high: its upper end.
        p: p-value of the paired t-test; None with too few seeds.
        seeds: number of seeds in common.
        words: the verdict as a sentence.
    """

    strategy: str
    reference: str
    outcome: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    seeds: int
    words: str = ""


def verdicts(areas: Mapping[str, Area], reference: str, correct: bool = False) -> list[Verdict]:
    """Holds every strategy against one.

    Args:
        areas: by strategy.
        reference: a name among them.
        correct: adjust the p-values by Holm for the number of strategies; the intervals stay as they are.
    """
    found = [_test(name, areas[name], reference, areas[reference]) for name in areas if name != reference]
    tested = [verdict.p for verdict in found if verdict.p is not None]
    adjusted = iter(holm(tested) if correct else tested)
    return [_judged(v if v.p is None else dataclasses.replace(v, p=float(next(adjusted)))) for v in found]


def _test(strategy: str, area: Area, reference: str, other: Area) -> Verdict:
    seeds = sorted(set(area.by_seed) & set(other.by_seed))
    d = np.round([area.by_seed[seed] - other.by_seed[seed] for seed in seeds], DIGITS)
    if len(seeds) < LEAST:
        mean = float(d.mean()) if seeds else None
        return Verdict(strategy, reference, "", mean, None, None, None, len(seeds))
    mean = float(d.mean())
    half = float(stats.t.isf((1 - LEVEL) / 2, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    p = float(2 * stats.t.sf(abs(paired_t(d)), len(d) - 1))
    return Verdict(strategy, reference, "", mean, mean - half, mean + half, p, len(seeds))


def _judged(v: Verdict) -> Verdict:
    few = ": few" if v.seeds < FEW else ""
    if v.p is None:
        words = f"{v.strategy} and {v.reference}: too few seeds ({v.seeds} in common, {LEAST} needed)"
        return dataclasses.replace(v, outcome="too few seeds", words=words)
    assert v.difference is not None
    if v.p >= ALPHA:
        words = (
            f"{v.strategy} and {v.reference}: no difference that {v.seeds} seeds can show "
            f"({_signed(v.difference)}, 95 % {_signed(v.low)} to {_signed(v.high)}, p {_p(v.p)})"
        )
        return dataclasses.replace(v, outcome="no difference", words=words)
    wins = v.difference > 0
    outcome = "beats" if wins else "loses to"
    ends = (v.low, v.high) if wins else (-(v.high or 0), -(v.low or 0))
    words = (
        f"{v.strategy} {outcome} {v.reference} by {abs(v.difference):.3f} "
        f"(95 % {ends[0]:.3f} to {ends[1]:.3f}, p {_p(v.p)}, {v.seeds} seeds{few})"
    )
    return dataclasses.replace(v, outcome=outcome, words=words)


def _signed(x: float | None) -> str:
    return f"{round(x or 0.0, 3) + 0.0:+.3f}"  # adding 0 turns -0 into 0


def _p(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.0005 else "< 0.001"
