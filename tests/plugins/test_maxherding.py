import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alframe
from alframe.ops import Kernel, cover_greedy
from alframe.registry.registry import Registry

FORMULAS = {
    "gaussian": lambda d, h: np.exp(-((d / h) ** 2)),
    "laplace": lambda d, h: np.exp(-d / h),
    "top-hat": lambda d, h: (d < h).astype(float),
}
TOLERANCE = 1e-5  # of the largest gain: the strategy computes in float32


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


class Herding:
    """The published algorithm on the whole kernel matrix; labelled samples are among those to be covered."""

    def __init__(self, X, XL, weights=None, kernel="gaussian", width=1.0):
        everything = unit(np.concatenate([X, XL]))
        k = FORMULAS[kernel](cdist(everything, everything), width)
        np.fill_diagonal(k, 1)
        self.kernel = k[: len(X)]
        self.covered = k[len(X) :].max(axis=0, initial=0.0)
        self.weights = np.ones(len(everything))
        if weights is not None:
            self.weights[: len(X)] = weights
        self.picks = []

    def gains(self):
        gains = np.maximum(self.kernel - self.covered, 0) @ self.weights
        gains[self.picks] = -np.inf
        return gains

    def pick(self, position):
        self.covered = np.maximum(self.covered, self.kernel[position])
        self.picks.append(position)


def assert_greedy(result, reference):
    """Each pick gains most; what the engine drew is only what nothing gains from."""
    picks = result.indices.tolist()
    for position in picks[: len(picks) - result.topped_up]:
        gains = reference.gains()
        assert gains[position] >= gains.max() - TOLERANCE * max(gains.max(), 1)
        reference.pick(position)
    if result.topped_up:
        assert reference.gains().max() < 1e-4


@pytest.mark.parametrize("kernel", FORMULAS)
def test_is_the_formula_in_float64(problem, kernel):
    result = alframe.query("maxherding", options={"kernel": kernel, "width": 0.6}, **problem.query)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    assert_greedy(result, Herding(problem.X, problem.XL, kernel=kernel, width=0.6))


@pytest.mark.parametrize("labels", [True, False])
def test_is_the_formula_pick_for_pick_where_nothing_is_equal(make, labels):
    problem = make(N=300, n=40)
    if not labels:
        problem.query |= {"labelled_features": None, "labelled_targets": None}
        problem.XL = problem.XL[:0]
    result = alframe.query("maxherding", **problem.query)
    reference = Herding(problem.X, problem.XL)
    for _ in range(40):
        reference.pick(int(reference.gains().argmax()))
    assert result.indices.tolist() == reference.picks


def test_it_starts_without_a_head(make):
    problem = make()
    result = alframe.query("maxherding", features=problem.X, n=10, device="cpu")
    assert_greedy(result, Herding(problem.X, problem.XL[:0]))
    assert 0 < result.logged["maxherding"]["coverage"] <= 1


def test_a_factor_of_the_features_changes_nothing(make):
    problem = make()
    wanted = alframe.query("maxherding", **problem.query).indices.tolist()
    factors = np.random.default_rng(0).uniform(0.1, 10, size=(len(problem.X), 1))
    problem.query["features"] = problem.X * factors
    assert alframe.query("maxherding", **problem.query).indices.tolist() == wanted


def test_the_width_is_not_divided_by_the_square_root_of_two(make):
    """Trap: exp(-d^2 / (2 h^2))."""
    problem = make(N=400, n=30)
    answers = []
    for width in (0.5, 0.5 * 2**0.5):
        result = alframe.query("maxherding", options={"width": width}, **problem.query)
        reference = Herding(problem.X, problem.XL, width=width)
        assert_greedy(result, reference)
        answers.append(result.indices.tolist())
    assert answers[0] != answers[1]


def with_scores(make_plugin, scores):
    registry = Registry()
    registry.register(make_plugin(alframe_score=lambda pool: torch.tensor(scores).float()), "scorer")
    return registry


def test_samples_are_weighed_by_scores(make, make_plugin):
    problem = make(N=200, n=30)
    scores = np.random.default_rng(1).uniform(size=200).astype(np.float32)
    registry = with_scores(make_plugin, scores)
    result = alframe.query("scorer", stages={"select": "maxherding"}, registry=registry, **problem.query)
    assert_greedy(result, Herding(problem.X, problem.XL, scores.astype(float)))


def test_scores_of_minus_infinity_are_left_out(make, make_plugin):
    problem = make(N=100, n=60)
    scores = np.where(np.arange(100) % 2 == 0, 0.5, -np.inf)
    registry = with_scores(make_plugin, scores)
    result = alframe.query("scorer", stages={"select": "maxherding"}, registry=registry, **problem.query)
    chosen = result.indices[: 60 - result.topped_up]
    assert (chosen % 2 == 0).all()
    assert result.topped_up == 10
    left = problem.X[::2]
    reference = Herding(left, problem.XL)
    for position in (chosen[:30] // 2).tolist():
        gains = reference.gains()
        assert gains[position] >= gains.max() * (1 - TOLERANCE)
        reference.pick(position)


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (
            "margin",
            "^maxherding needs scores of at least 0, and those of margin are of any sign: take a scorer",
        ),
        (
            "alfamix",
            "^maxherding needs scores of at least 0, and those of alfamix are .*; or another selector$",
        ),
        ("undeclared", "weighed by their scores.*expected scores of at least 0"),
    ],
)
def test_negative_scores_are_one_line(scorer, message, make, make_plugin):
    """Refused beforehand where the scorer declares them, and else when they are there."""
    registry = Registry()
    registry.register(make_plugin(alframe_score=lambda pool: -pool.probs[:, 0]), "undeclared")
    with pytest.raises(alframe.UsageError, match=message) as e:
        alframe.query(scorer, stages={"select": "maxherding"}, registry=registry, **make().query)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("scorer", ["entropy", "least-confidence"])
def test_scores_of_at_least_0_will_do(scorer, make):
    result = alframe.query(scorer, stages={"select": "maxherding"}, **make().query)
    assert result.topped_up == 0


def test_without_coverage_left_the_engine_tops_up(make):
    """Two distinct samples, one of them labelled: one pick, and the rest is drawn."""
    problem = make(N=40)
    X = problem.X[:2].repeat(20, axis=0)
    problem.query |= {"features": X, "labelled_features": X[:1], "labelled_targets": [0]}
    result = alframe.query("maxherding", **problem.query)
    assert result.indices[0] >= 20
    assert result.topped_up == 19


def test_of_equal_samples_the_seed_decides():
    X = np.eye(4)[np.arange(1000) // 250]
    answers = [alframe.query("maxherding", features=X, n=4, seed=seed).indices for seed in (0, 0, 1)]
    assert answers[0].tolist() == answers[1].tolist() != answers[2].tolist()
    assert sorted((answers[0] // 250).tolist()) == [0, 1, 2, 3]


def test_a_sample_of_zeros_stays_zero(make):
    """It is at distance 1 of all others, and no number is NaN."""
    problem = make(N=60, n=60)
    problem.X[7] = 0
    problem.query["features"] = problem.X
    result = alframe.query("maxherding", **problem.query)
    assert_greedy(result, Herding(problem.X, problem.XL))


@pytest.mark.parametrize("kernel", FORMULAS)
def test_twenty_at_once_are_ten_and_ten(kernel, make):
    problem = make(N=300)
    options = {"kernel": kernel, "width": 0.5}
    at_once = alframe.query("maxherding", options=options, **problem.query).indices
    first, left = at_once[:10], np.setdiff1d(np.arange(300), at_once[:10])
    again = problem.query | {
        "features": problem.X[left],
        "labelled_features": np.concatenate([problem.XL, problem.X[first]]),
        "labelled_targets": np.zeros(30, int),
        "n": 10,
    }
    second = left[alframe.query("maxherding", options=options, **again).indices]
    reference = Herding(problem.X, problem.XL, kernel=kernel, width=0.5)
    for position in (*first.tolist(), *second.tolist()):
        gains = reference.gains()
        assert gains[position] >= gains.max() * (1 - TOLERANCE)
        reference.pick(position)
    if kernel != "top-hat":
        assert second.tolist() == at_once[10:].tolist()


def test_the_selector_is_that_of_ops(make):
    """Nothing is computed of the embedding: the method is defined on unit-length features."""
    problem = make()
    stages = {"embed": "badge"}
    picks = alframe.query("maxherding", stages=stages, **problem.query).indices
    points, centres = (alframe.Euclidean(torch.tensor(unit(x)).float()) for x in (problem.X, problem.XL))
    cover = cover_greedy(points, centres, 20, torch.Generator(), kernel=Kernel("gaussian", 1.0))
    assert picks.tolist() == cover.picks.tolist()


def test_a_width_of_nothing_is_refused(make):
    with pytest.raises(alframe.UsageError, match="width must be above 0"):
        alframe.query("maxherding", options={"width": 0}, **make().query)
