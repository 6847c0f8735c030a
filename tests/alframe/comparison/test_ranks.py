import itertools

import numpy as np
import pytest
from scipy import stats

from alframe.comparison.ranks import rank, smallest_p
from alframe.comparison.significance import holm


def test_agrees_with_scipy_on_a_random_table():
    values = np.random.default_rng(0).normal([0.8, 0.81, 0.83, 0.85], 0.02, (8, 4))
    found = rank(list("abcd"), values)
    ranks = dict(zip("abcd", stats.rankdata(-values, axis=1).mean(axis=0), strict=True))
    assert dict(zip(found.strategies, found.mean_ranks, strict=True)) == ranks
    assert list(found.mean_ranks) == sorted(found.mean_ranks)
    assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*values.T).pvalue)
    p = [stats.wilcoxon(values[:, i], values[:, j]).pvalue for i in range(4) for j in range(i + 1, 4)]
    assert [pair.p for pair in found.pairs] == pytest.approx(holm(p).tolist())
    assert [(pair.first + pair.second) for pair in found.pairs] == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert found.notes == ()


def test_the_critical_difference_of_demsars_table():
    # Table 5 of Demsar (2006): q is 2.569 for four classifiers; CD = q sqrt(4 x 5 / (6 x 14)) = 1.25
    found = rank(list("abcd"), np.random.default_rng(0).random((14, 4)))
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)


def test_ties_share_their_ranks():
    found = rank(list("abc"), np.array([[0.9, 0.9, 0.1], [0.8, 0.8, 0.2]]))
    assert found.mean_ranks == (1.5, 1.5, 3)


def test_all_equal():
    found = rank(list("abc"), np.full((6, 3), 0.5))
    assert found.mean_ranks == (2, 2, 2)
    assert found.friedman_p == 1
    assert [pair.p for pair in found.pairs] == [1, 1, 1]


def test_two_strategies_have_no_friedman_test():
    found = rank(["a", "b"], np.array([[0.9, 0.8], [0.7, 0.6]]))
    assert found.friedman_p is None
    assert "Friedman's test needs three strategies" in found.notes


@pytest.mark.parametrize(
    ("count", "q"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (8, 3.031), (10, 3.164)],
)
def test_the_critical_values_of_demsars_table_5a(count, q):
    found = rank([str(k) for k in range(count)], np.random.default_rng(0).random((10, count)))
    assert found.critical_difference / np.sqrt(count * (count + 1) / 60) == pytest.approx(q, abs=0.002)


@pytest.mark.parametrize("seed", range(5))
def test_friedman_with_ties_agrees_with_a_plain_transcription(seed):
    values = np.random.default_rng(seed).integers(0, 4, (9, 4)) / 10
    ranks = stats.rankdata(-values, axis=1)
    n, k = values.shape
    ties = sum(t**3 - t for row in values for t in np.unique(row, return_counts=True)[1])
    statistic = 12 / (n * k * (k + 1)) * (ranks.sum(axis=0) ** 2).sum() - 3 * n * (k + 1)
    statistic /= 1 - ties / (n * (k**3 - k))
    assert ties > 0
    assert rank(list("abcd"), values).friedman_p == pytest.approx(stats.chi2.sf(statistic, k - 1))


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_with_a_zero_agrees_with_a_plain_transcription(seed):
    """Zeros are dropped; the law of the rank sum is that of all signs (Wilcoxon, 1945)."""
    difference = np.append(np.random.default_rng(seed).normal(0.02, 0.05, 7), 0.0)
    found = rank(["a", "b"], np.stack([0.5 + difference, np.full(8, 0.5)], axis=1))
    ranks = stats.rankdata(abs(difference[:-1]))
    smaller = min(ranks[difference[:-1] > 0].sum(), ranks[difference[:-1] < 0].sum())
    sums = [sum(subset) for r in range(8) for subset in itertools.combinations(ranks, r)]
    p = min(1.0, 2 * np.mean([total <= smaller for total in sums]))
    assert found.pairs[0].p == pytest.approx(p)


def test_too_few_settings_for_wilcoxon():
    found = rank(list("abc"), np.random.default_rng(0).random((5, 3)))
    assert found.pairs == ()
    assert found.notes == ("too few settings for Wilcoxon's test: with 5 its p can't be below 0.0625",)
    found = rank(list("abc"), np.random.default_rng(0).random((6, 3)))
    assert len(found.pairs) == 3
    corrected = "with 6 Holm's correction for 3 pairs leaves no p below 0.0938"
    assert found.notes == (f"too few settings for Wilcoxon's test: {corrected}",)
    assert rank(list("abc"), np.random.default_rng(0).random((7, 3))).notes == ()


@pytest.mark.parametrize("n", [2, 5, 6, 9])
def test_the_smallest_p_is_scipys_for_differences_of_one_sign(n):
    assert smallest_p(n) == pytest.approx(stats.wilcoxon(np.arange(1, n + 1)).pvalue)


def test_wilcoxon_with_ties_and_a_zero_does_not_warn():
    values = np.array([[0.5, 0.4]] * 6 + [[0.5, 0.5]])
    assert rank(["a", "b"], values).pairs[0].p < 0.05
