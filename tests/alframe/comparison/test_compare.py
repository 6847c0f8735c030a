import numpy as np
import pytest

from alframe.comparison.compare import choose, compare, query_cost
from alframe.comparison.significance import Criterion
from alframe.comparison.verdicts import OUTCOMES
from alframe.errors import UsageError
from alframe.records.tree import ResultsTree


def test_cost_of_a_query(trial):
    quick, slow = trial([0.5, 0.6, 0.7]), trial([0.5, 0.6])
    slow.query_seconds[1:] = 3.0
    slow.query_peak_memory[1] = 5000
    cost = query_cost({1: quick, 2: slow})
    assert (cost.seconds, cost.seconds_std) == (2.0, pytest.approx(np.sqrt(2)))
    assert (cost.peak_memory, cost.train_seconds) == (5000, 1.0)


def test_cost_that_is_not_known(trial):
    only_initial = trial([0.5])
    only_initial.train_seconds[:] = np.nan
    cost = query_cost({1: only_initial})
    assert (cost.seconds, cost.seconds_std, cost.peak_memory, cost.train_seconds) == (None,) * 4


def test_one_setting(random_setting):
    setting = random_setting(0, ["random", "margin", "badge"])
    found = compare([setting])
    [one] = found.settings
    assert one.setting is setting
    assert list(one.curves) == list(one.areas) == list(one.costs) == ["random", "margin", "badge"]
    pairs = [("margin", "random"), ("badge", "random"), ("badge", "margin")]
    assert [(v.strategy, v.reference) for v in one.verdicts] == pairs  # margin and random once
    pairs = [("margin", "random"), ("badge", "random"), ("random", "margin"), ("badge", "margin")]
    assert [(s.strategy, s.reference) for s in one.savings] == pairs
    assert (found.total, found.ranks, found.tally, one.notes) == (None, None, {}, [])
    assert found.notes == [
        "as few as 5 seeds a strategy: 10 or more make a difference easier to trust",
        "mean ranks need at least two settings",
    ]


def test_a_missing_reference_is_a_note(random_setting):
    one = compare([random_setting(0, "ab")]).settings[0]
    assert one.notes == [
        "nothing is held against random: there are no runs of it",
        "nothing is held against margin: there are no runs of it",
    ]
    assert one.verdicts == one.savings == []
    assert compare([random_setting(0, "ab")], references=["a"]).settings[0].notes == []


def test_a_strategy_that_has_just_begun_brings_no_verdicts(make_setting):
    """All share the initial set: over it alone "no difference" would be said of any two strategies."""
    seeds = range(1, 6)
    setting = make_setting(
        random={k: [0.5, 0.6, 0.7] for k in seeds}, a={k: [0.5, 0.8, 0.9] for k in seeds}, b={1: [0.5]}
    )
    one = compare([setting], ["random"]).settings[0]
    assert (one.areas, one.verdicts, one.savings) == ({}, [], [])
    assert "first to end, at 100: b" in one.notes[0]
    assert not any("held against" in note for note in one.notes)
    assert one.penalties.wins[1, 0] == 1  # a beats random: pairs are compared over what they share


def test_a_reference_without_a_complete_trial(make_setting, trial):
    """Its trials together reach all sizes, but none of them alone."""
    parts = {1: trial([0.5, 0.6], [100, 200]), 2: trial([0.5, 0.7], [100, 300])}
    setting = make_setting(a={k: [0.5, 0.6, 0.7] for k in (1, 2)}, random=parts)
    one = compare([setting], ["random"]).settings[0]
    assert (list(one.areas), one.verdicts) == (["a"], [])
    assert "nothing is held against random: there are no complete trials of it" in one.notes


def test_one_strategy_in_several_settings(make_setting):
    setting = make_setting(a={1: [0.5, 0.6], 2: [0.5, 0.7]})
    found = compare([setting, setting], ["a"])
    assert (found.total, found.ranks) == (None, None)
    assert np.isnan(found.settings[0].penalties.penalties).all()
    assert "there is one strategy: nothing to compare it with" in found.notes
    assert not any("matrices" in note for note in found.notes)


def test_several_settings(random_setting):
    names = ["random", "badge", "margin"]
    found = compare([random_setting(k, names, seeds=10) for k in range(3)])
    assert found.total.settings == found.ranks.settings == 3
    np.testing.assert_allclose(
        found.total.wins[0, 1], sum(one.penalties.wins[1, 2] for one in found.settings)
    )  # in the order of names
    means = np.array([[one.areas[name].mean for name in names] for one in found.settings])
    expected = dict(zip(names, (3 - means.argsort(axis=1).argsort(axis=1)).mean(axis=0), strict=True))
    assert dict(zip(found.ranks.strategies, found.ranks.mean_ranks, strict=True)) == pytest.approx(expected)
    assert sum(found.tally["badge", "random"].values()) == 3
    outcomes = [list(counts) for counts in found.tally.values()]
    assert outcomes == [sorted(names, key=OUTCOMES.index) for names in outcomes]
    assert found.notes == []


def test_a_strategy_absent_from_a_setting_is_not_made_up_for(random_setting):
    full, part = random_setting(0, ["random", "a"], seeds=10), random_setting(1, ["random"], seeds=10)
    found = compare([full, random_setting(2, ["random", "a"], seeds=10), part], ["random"])
    assert found.total.settings == found.ranks.settings == 2
    assert found.notes == [
        "the matrix sums the 2 of 3 settings that have every strategy, tested against every other; "
        "with fewer strategies more settings may count",
        "ranks are over the 2 of 3 settings that have every strategy",
    ]
    found = compare([full, part], ["random"])
    assert found.ranks is None
    assert found.notes[-1].endswith("two settings that have every strategy: 2 and 1")
    other = random_setting(1, ["b"], seeds=10)
    assert compare([full, other], ["random"]).total is None


def test_holm_reaches_the_verdicts(random_setting):
    setting = random_setting(4, ["random", "a", "b"])
    plain, corrected = compare([setting]), compare([setting], criterion=Criterion(holm=True))
    p = [[v.p for v in found.settings[0].verdicts] for found in (plain, corrected)]
    assert max(p[1]) <= 1
    assert min(p[1]) == pytest.approx(2 * min(p[0]))


def test_choosing_strategies(random_setting):
    tree = ResultsTree("overall", [random_setting(0, "abc"), random_setting(0, "a")], [])
    assert [list(s.strategies) for s in choose(tree, ["c", "a"])] == [["c", "a"], ["a"]]
    assert [list(s.strategies) for s in choose(tree, ["b"])] == [["b"]]
    with pytest.raises(UsageError, match="no runs of strategy 'd' here; there are runs of a, b, c"):
        choose(tree, ["a", "d"])
