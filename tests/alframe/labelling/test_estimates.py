import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from alframe.labelling.estimates import draw, lure, lure_weights, paired_gain, proposal, wilson

REPETITIONS = 400


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7), (3, 10), (95, 100), (1, 1), (199, 400)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_inverts_the_score_test(right, n, level):
    """Its ends are the shares that the observed one is just compatible with, found by bisection."""
    z = stats.norm.ppf((1 + level) / 2)
    found = wilson(right, n, level)

    def excess(p):
        return (right / n - p) ** 2 - z**2 * p * (1 - p) / n

    low = 0.0 if right == 0 else optimize.brentq(excess, 0.0, right / n - 1e-9, xtol=1e-15)
    high = 1.0 if right == n else optimize.brentq(excess, right / n + 1e-9, 1.0, xtol=1e-15)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.estimate == right / n
    assert found.count == n


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_weighted_mean_has_no_bias(count):
    """All orders in which ``count`` of 4 samples can be drawn, each with its probability."""
    losses, weights = np.array([1.0, 0.0, 0.5, 2.0]), np.array([0.4, 0.3, 0.2, 0.1])
    expected = 0.0
    for order in itertools.permutations(range(4), count):
        q = [weights[one] / (1 - weights[list(order[:step])].sum()) for step, one in enumerate(order)]
        expected += math.prod(q) * float((lure_weights(q, 4) * losses[list(order)]).mean())
    assert expected == pytest.approx(losses.mean(), abs=1e-12)


def test_the_weights_are_the_formula():
    q, pool = [0.02, 0.001, 0.3, 0.04], 50
    count = len(q)
    wanted = [
        1 + (pool - count) / (pool - m) * (1 / ((pool - m + 1) * q[m - 1]) - 1) for m in range(1, count + 1)
    ]
    np.testing.assert_allclose(lure_weights(q, pool), wanted, rtol=1e-14)


def test_uniform_draws_are_a_plain_mean():
    q = [1 / (30 - m) for m in range(10)]
    right = [True] * 7 + [False] * 3
    np.testing.assert_allclose(lure_weights(q, 30), np.ones(10), rtol=1e-12)
    assert lure(right, q, 30).estimate == pytest.approx(0.7)


def test_the_proposal_is_doubt_and_a_tenth_for_all():
    confidence = np.array([1.0, 0.6, 0.8])
    wanted = 0.9 * (1 - confidence) + 0.1 * 0.2
    np.testing.assert_allclose(proposal(confidence), wanted / wanted.sum(), rtol=1e-12)
    np.testing.assert_allclose(proposal(np.ones(4)), np.full(4, 0.25))


def test_draws_follow_the_weights_one_after_the_other():
    weights, generator = np.array([5.0, 3.0, 2.0]), np.random.default_rng(0)
    counts = dict.fromkeys(itertools.permutations(range(3), 2), 0)
    for _ in range(5000):
        positions, q = draw(weights, 2, generator)
        counts[tuple(positions)] += 1
        assert q[0] == pytest.approx(weights[positions[0]] / 10)
        assert q[1] == pytest.approx(weights[positions[1]] / (10 - weights[positions[0]]))
    law = [weights[a] / 10 * weights[b] / (10 - weights[a]) for a, b in counts]
    assert stats.chisquare(list(counts.values()), 5000 * np.array(law)).pvalue > 1e-3
    positions, q = draw(weights, 9, generator)
    assert sorted(positions) == [0, 1, 2]
    assert q[-1] == 1.0


def test_all_of_the_pool_is_the_truth():
    positions, q = draw(np.arange(1.0, 21.0), 20, np.random.default_rng(1))
    right = np.arange(20) % 3 > 0
    assert lure(right[positions].tolist(), q, 20).estimate == pytest.approx(right.mean())


@pytest.mark.parametrize("count", [1, 2, 40, 150])
def test_no_error_yet_still_leaves_doubt(count):
    """Without errors the weighted errors do not spread; the interval is not of no width for that."""
    positions, q = draw(np.random.default_rng(0).uniform(0.01, 1, 500), count, np.random.default_rng(1))
    found = lure([True] * len(positions), q, 500)
    assert found.estimate == found.high == 1.0
    assert found.low == pytest.approx(wilson(count, count).low)


def test_the_same_samples_have_the_same_interval():
    positions, q = draw(np.random.default_rng(0).uniform(0.01, 1, 500), 40, np.random.default_rng(1))
    right = [position % 4 > 0 for position in positions]
    assert lure(right, q, 500) == lure(right, q, 500)
    assert 0 <= lure(right, q, 500).low < lure(right, q, 500).estimate < lure(right, q, 500).high <= 1


def test_bonett_and_price_s_interval_is_the_published_one():
    """Fagerland, Lydersen and Laake, Statistics in Medicine 2014: 21 children, 1 up and 7 down."""
    found = paired_gain(1, 7, 21)
    assert found.estimate == pytest.approx(-0.286, abs=5e-4)
    assert (found.low, found.high) == pytest.approx((-0.508, -0.013), abs=5e-4)


def test_no_change_leaves_room_for_one():
    found = paired_gain(0, 0, 100)
    assert found.estimate == 0
    assert -0.03 < found.low < 0 < found.high < 0.03
    assert paired_gain(5, 0, 5).high == 1.0


@pytest.fixture(scope="module")
def population():
    """Confidence of a network on 1,438 digits, its answers and an earlier network's: both right or not."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order] / 16, y[order]

    def network(labels):
        fitted = LogisticRegression(max_iter=300).fit(x[:labels], y[:labels])
        probabilities = fitted.predict_proba(x[359:])
        return probabilities.max(axis=1), probabilities.argmax(axis=1) == y[359:]

    return {labels: network(labels) for labels in (40, 120, 350)}


def covered(truth, intervals):
    return np.mean([interval.low - 1e-12 <= truth <= interval.high + 1e-12 for interval in intervals])


@pytest.mark.slow
@pytest.mark.parametrize("labels", [40, 120, 350])
@pytest.mark.parametrize("count", [50, 100, 200])
def test_coverage(population, labels, count, record_property):
    """400 audits of networks that err on 24, 9 and 5 %: how often each interval has the truth.

    Never less than 3 points below 95 %. Draws without replacement, of which no interval knows, make each of
    them cautious: above 98 % in some cells, and never above 99 %.
    """
    confidence, right = population[labels]
    earlier = population[40][1]
    generator = np.random.default_rng(1)
    uniform, active, gains = [], [], []
    for _ in range(REPETITIONS):
        chosen = generator.permutation(len(right))[:count]
        uniform.append(wilson(int(right[chosen].sum()), count))
        up, down = (right & ~earlier)[chosen].sum(), (earlier & ~right)[chosen].sum()
        gains.append(paired_gain(int(up), int(down), count))
        positions, q = draw(proposal(confidence), count, generator)
        active.append(lure(right[positions], q, len(right)))
    found = {
        "wilson": covered(right.mean(), uniform),
        "lure": covered(right.mean(), active),
        "gain": covered(right.mean() - earlier.mean(), gains) if labels > 40 else 0.95,
    }
    record_property("coverage", str(found))
    assert min(found.values()) >= 0.92
    assert max(found.values()) <= 0.99
    widths = [np.mean([one.high - one.low for one in those]) for those in (active, uniform)]
    assert widths[0] < 0.9 * widths[1]  # what the proposal is for
