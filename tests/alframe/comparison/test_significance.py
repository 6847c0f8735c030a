import itertools
import math

import numpy as np
import pytest
from scipy import stats

from alframe.comparison.significance import (
    Criterion,
    PenaltyMatrix,
    holm,
    paired_t,
    penalty_matrix,
    total_penalties,
)
from alframe.errors import UsageError

NAN = math.nan


def plain_matrix(setting, ddof, critical):
    """The published formula in loops: every strategy with every seed and every round."""
    names = list(setting.strategies)
    wins = [[NAN if a == b else 0.0 for b in names] for a in names]
    rounds = len(next(iter(setting.strategies[names[0]].values())).labelled)
    for i, j in itertools.permutations(range(len(names)), 2):
        for r in range(1, rounds):
            seeds = list(setting.strategies[names[i]])
            d = [
                setting.strategies[names[i]][s].accuracy[r] - setting.strategies[names[j]][s].accuracy[r]
                for s in seeds
            ]
            mean = sum(d) / len(d)
            sd = math.sqrt(sum((x - mean) ** 2 for x in d) / (len(d) - ddof))
            if math.sqrt(len(d)) * mean / sd > critical:
                wins[i][j] += 1 / (rounds - 1)
    return np.array(wins)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("criterion", "ddof", "critical"),
    [
        (Criterion(), 1, stats.t.ppf(0.975, 4)),
        (Criterion(ddof=0, critical=2.776), 0, 2.776),
        (Criterion(critical=1.0), 1, 1.0),
    ],
)
def test_agrees_with_loops(random_setting, seed, criterion, ddof, critical):
    setting = random_setting(seed, "abcd")
    matrix, notes = penalty_matrix(setting, criterion)
    expected = plain_matrix(setting, ddof, critical)
    np.testing.assert_allclose(matrix.wins, expected)
    np.testing.assert_allclose(matrix.penalties, np.nansum(expected, axis=0) / 3)
    assert np.nansum(expected) > 0
    assert notes == []


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_random_tables_with_ties_and_missing_cells(make_setting, seed, corrected):
    """Trials are missing or end early, accuracies of two decimals tie: scipy on what is in common."""
    draw = np.random.default_rng(seed)
    table = {
        name: {
            k: draw.normal(0.6 + 0.03 * i, 0.03, draw.choice([2, 5, 5])).round(2)
            for k in range(6)
            if draw.random() > 0.2
        }
        for i, name in enumerate("abcd")
    }
    wins, rounds = np.zeros((4, 4)), np.zeros((4, 4))
    for r in range(1, 5):
        tested, p, lead = [], [], []
        for i, j in itertools.combinations(range(4), 2):
            a, b = table["abcd"[i]], table["abcd"[j]]
            seeds = [k for k in a if k in b and min(len(a[k]), len(b[k])) > r]
            d = np.round([a[k][r] - b[k][r] for k in seeds], 9)
            if len(d) < 2:
                continue
            equal = np.ptp(d) == 0
            tested.append((i, j))
            lead.append(d.mean())
            p.append(float(d[0] == 0) if equal else stats.ttest_1samp(d, 0).pvalue)
        if corrected:  # by the definition: a p counts with all that are no larger
            p = [max(sum(other >= q for other in p) * q for q in p if q <= one) for one in p]
        for (i, j), one, mean in zip(tested, p, lead, strict=True):
            rounds[i, j] += 1
            wins[i, j] += one < 0.05 and mean > 0
            wins[j, i] += one < 0.05 and mean < 0
    rounds += rounds.T
    expected = np.where(rounds > 0, wins / np.maximum(rounds, 1), NAN)
    found = penalty_matrix(make_setting(**table), Criterion(holm=corrected))[0]
    np.testing.assert_allclose(found.wins, expected)


def test_agrees_with_scipys_paired_test(random_setting):
    setting = random_setting(7, "ab", seeds=8, rounds=2)
    a, b = ([t.accuracy[1] for t in trials.values()] for trials in setting.strategies.values())
    result = stats.ttest_rel(a, b)
    assert paired_t(np.subtract(a, b)) == pytest.approx(result.statistic)
    assert (penalty_matrix(setting)[0].wins[1, 0] == 1) == (result.pvalue < 0.05)


def test_the_authors_variance_makes_t_larger():
    d = [0.01, 0.02, 0.03, 0.0, 0.02]
    assert paired_t(d, ddof=0) == pytest.approx(paired_t(d) * math.sqrt(5 / 4))


def test_all_differences_equal():
    assert paired_t([0.1, 0.1, 0.1]) == math.inf
    assert paired_t([-0.1, -0.1]) == -math.inf
    assert paired_t([0.0, 0.0]) == 0
    assert paired_t([0.3 - 0.2, 0.2 - 0.1, 0.7 - 0.6]) == math.inf  # equal but for rounding


def test_equal_strategies_never_win_and_a_constant_lead_always_does(make_setting):
    base = {1: [0.5, 0.6, 0.7], 2: [0.4, 0.7, 0.6]}
    better = {k: [a + 0.1 for a in v] for k, v in base.items()}
    matrix, _ = penalty_matrix(make_setting(a=base, b=dict(base), c=better))
    assert matrix.wins.tolist() == [
        [pytest.approx(NAN, nan_ok=True), 0, 0],
        [0, pytest.approx(NAN, nan_ok=True), 0],
        [1, 1, pytest.approx(NAN, nan_ok=True)],
    ]
    assert matrix.penalties.tolist() == [0.5, 0.5, 0]


def test_the_initial_set_is_no_round(make_setting):
    a = {1: [0.9, 0.5], 2: [0.9, 0.6]}
    b = {1: [0.1, 0.5], 2: [0.1, 0.6]}
    assert np.nansum(penalty_matrix(make_setting(a=a, b=b))[0].wins) == 0


def test_one_seed_is_too_few(make_setting):
    matrix, notes = penalty_matrix(make_setting(a={1: [0.5, 0.6]}, b={1: [0.5, 0.9]}))
    assert np.isnan(matrix.wins).all()
    assert np.isnan(matrix.penalties).all()
    assert not matrix.is_complete
    assert notes == ["too few seeds in common to test a and b"]


def test_only_seeds_in_common_count_and_a_note_says_so(make_setting):
    a = {1: [0.5, 0.6], 2: [0.5, 0.7], 3: [0.5, 0.0]}
    b = {1: [0.5, 0.5], 2: [0.5, 0.6], 4: [0.5, 1.0]}
    matrix, notes = penalty_matrix(make_setting(a=a, b=b))
    assert matrix.wins[0, 1] == 1
    assert notes == [f"{name} has 3 of 4 seeds: pairs are compared over the seeds in common" for name in "ab"]


def test_unfinished_trials_count_as_far_as_they_got(make_setting):
    a = {1: [0.5, 0.6, 0.9], 2: [0.5, 0.7, 0.9], 3: [0.5, 0.8]}
    b = {1: [0.5, 0.5], 2: [0.5, 0.6, 0.9], 3: [0.5, 0.7]}
    c = {k: [0.5, 0.9] for k in (1, 2, 3)}
    matrix, notes = penalty_matrix(make_setting(a=a, b=b, c=c))
    assert matrix.wins[0, 1] == 1  # of the one round with two seeds or more
    note = "c has 2 of 3 labelled-set sizes: pairs are compared over the labelled-set sizes in common"
    assert notes == [note]


def test_rounds_are_matched_by_labelled_size(make_setting, trial):
    a = {k: trial([0.1, 0.5, 0.7], [10, 20, 30]) for k in (1, 2)}
    b = {k: trial([0.1, 0.6, 0.8], [10, 30, 50]) for k in (1, 2)}
    assert penalty_matrix(make_setting(a=a, b=b))[0].wins[0, 1] == 1  # 0.7 to 0.6 at 30


def test_holm_by_hand():
    # 0.01 x 4; 0.02 x 3; 0.03 x 2 = 0.06; 0.04 x 1 raised to the one before
    assert holm([0.04, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_holm_agrees_with_its_definition_also_with_ties(seed):
    """The m-th smallest of M is rejected at the adjusted p: the largest (M - l) p_(l) of those up to it."""
    p = np.random.default_rng(seed).integers(0, 5, 7) / 40
    ordered = sorted(p)
    expected = [min(1.0, max((7 - k) * ordered[k] for k in range(7) if ordered[k] <= one)) for one in p]
    assert holm(p).tolist() == pytest.approx(expected)


def test_holm_corrects_for_the_pairs_of_a_round(make_setting):
    draw = np.random.default_rng(1)
    base = draw.normal(0.7, 0.01, (5, 2))
    lead = np.array([[0.0, d] for d in (0.01, 0.02, 0.03, 0.0, 0.02)])  # p = 0.035
    noise = draw.normal(0, 0.05, (5, 2))
    table = {"a": base + lead, "b": base, "c": base + noise}
    setting = make_setting(**{k: dict(enumerate(v)) for k, v in table.items()})
    assert penalty_matrix(setting)[0].wins[0, 1] == 1
    assert penalty_matrix(setting, Criterion(holm=True))[0].wins[0, 1] == 0
    two = make_setting(**{k: dict(enumerate(table[k])) for k in "ab"})
    assert penalty_matrix(two, Criterion(holm=True))[0].wins[0, 1] == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"ddof": 2}, "ddof is 0 or 1"),
        ({"critical": 0.0}, "above 0"),
        ({"critical": NAN}, "above 0"),
        ({"critical": math.inf}, "finite"),  # JSON has no infinity
        ({"critical": 2.0, "holm": True}, "exclude each other"),
    ],
)
def test_impossible_criteria(given, reason):
    with pytest.raises(UsageError, match=reason):
        Criterion(**given)


def test_the_sum_is_over_settings_that_have_every_strategy(random_setting):
    first = penalty_matrix(random_setting(0, "abc"))[0]
    second = penalty_matrix(random_setting(1, "cab"))[0]  # another order
    without = penalty_matrix(random_setting(2, "ab"))[0]
    total = total_penalties([first, without, second])
    assert (total.strategies, total.settings) == (("a", "b", "c"), 2)
    order = [1, 2, 0]
    np.testing.assert_allclose(total.wins, first.wins + second.wins[np.ix_(order, order)])
    assert total_penalties([without, penalty_matrix(random_setting(2, "bc"))[0]]) is None


def test_a_matrix_with_a_missing_cell_is_not_summed():
    full = PenaltyMatrix(("a", "b"), np.array([[NAN, 1.0], [0.0, NAN]]))
    hole = PenaltyMatrix(("a", "b"), np.full((2, 2), NAN))
    assert total_penalties([full, hole]).settings == 1
    assert total_penalties([hole]) is None
