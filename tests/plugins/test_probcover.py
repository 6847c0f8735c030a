import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alframe
from alframe.ops import Kernel, blocks, cover_greedy, kernels, kmeans
from alframe_probcover._probcover import covering_radius, nearest_of_others


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


class Balls:
    """The published algorithm: a graph with an edge from each sample to those in its ball.

    The labelled samples' edges, and after each pick all edges to what its ball covers, are taken out.
    """

    def __init__(self, X, XL, radius):
        everything = unit(np.concatenate([X, XL]))
        distances = cdist(everything, everything)
        self.edges = distances < radius
        np.fill_diagonal(self.edges, True)
        self.near = np.abs(distances - radius) < 1e-6  # which float32 may take for the other
        self.labelled = np.arange(len(X), len(everything))
        self.pool = len(X)
        self.covered = np.zeros(len(everything), bool)
        for sample in self.labelled:
            self.pick(sample)

    def degrees(self):
        return self.edges[: self.pool].sum(axis=1)

    def pick(self, sample):
        covered = self.edges[sample].copy()
        self.covered |= covered
        self.edges[:, covered] = False


def assert_greedy(result, reference):
    picks = result.indices.tolist()
    assert len(set(picks)) == len(picks)
    for position in picks[: len(picks) - result.topped_up]:
        degrees = reference.degrees()
        assert degrees[position] == degrees.max() > 0
        reference.pick(position)
    if result.topped_up:
        assert reference.degrees().max() == 0


@pytest.mark.parametrize("radius", [0.3, 0.6])
def test_is_the_published_algorithm(problem, radius):
    result = alframe.query("probcover", options={"radius": radius}, **problem.query)
    reference = Balls(problem.X, problem.XL, radius)
    assert not reference.near.any()
    assert_greedy(result, reference)
    logged = result.logged["probcover"]
    assert logged["delta"] == radius
    assert logged["coverage"] == pytest.approx(reference.covered.mean())


@pytest.mark.parametrize("radius", [0.3, 0.6])
def test_it_starts_without_labels(make, radius):
    problem = make(N=300)
    result = alframe.query("probcover", features=problem.X, n=30, options={"radius": radius}, device="cpu")
    assert_greedy(result, Balls(problem.X, problem.XL[:0], radius))


def test_seven_points():
    """On a circle, which at these distances is a line: three in a ball, two, then one each."""
    angles = np.array([0, 0.1, 0.2, 0.3, 1, 1.1, 3.0])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for seed in range(10):
        result = alframe.query("probcover", features=x, n=3, options={"radius": 0.15}, seed=seed)
        picks = result.indices.tolist()
        assert picks[0] in (1, 2)
        assert picks[1] in (4, 5)
        assert_greedy(result, Balls(x, x[:0], 0.15))
    result = alframe.query("probcover", features=x, n=7, options={"radius": 0.15})
    assert result.topped_up == 3
    assert result.logged["probcover"]["coverage"] == 1


def radius_by_search(x, labels, purity, candidates):
    """The largest radius whose open balls are pure often enough, by trying them all."""
    distances, best = cdist(x, x), 0.0
    for radius in candidates:
        enemies = (distances < radius) & (labels[:, None] != labels)
        if (~enemies.any(axis=1)).mean() >= purity - 1e-12:
            best = max(best, radius)
    return best


@pytest.mark.parametrize("purity", [0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_radius_is_the_largest_of_that_purity(purity, seed):
    x = torch.randn(120, 4, generator=generator(seed))
    x = x / x.norm(dim=1, keepdim=True)
    labels = kmeans(x, 5, generator(7)).labels.numpy()
    distances = cdist(x.double(), x.double())
    found = covering_radius(x, 5, purity, generator(7))
    wanted = radius_by_search(x.double(), labels, purity, np.unique(distances))
    assert wanted**2 - 1e-5 < found**2 < wanted**2  # the ball is open: so it is in float32, too


def test_a_quantile_of_four():
    squared = torch.tensor([0.5, 0.2, 0.2, 0.9])
    impure = int(0.25 * 4)
    assert squared.kthvalue(impure + 1).values == pytest.approx(0.2)
    x = torch.tensor([[0.0], [0.2], [1.0], [1.9]])
    labels = torch.tensor([0, 1, 0, 1])
    nearest = nearest_of_others(alframe.Euclidean(x), labels)
    torch.testing.assert_close(nearest.sqrt(), torch.tensor([0.2, 0.2, 0.8, 0.9]))


def test_a_purity_next_to_0_is_the_largest_distance_to_another_cluster():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    labels = kmeans(x, 2, generator()).labels
    farthest = nearest_of_others(alframe.Euclidean(x), labels).max().sqrt()
    assert covering_radius(x, 2, 1e-300, generator()) == pytest.approx(float(farthest), abs=1e-5)


def test_shares_that_binary_numbers_miss():
    """0.1 of 10 is one sample, although (1 - 0.9) * 10 is less than 1."""
    x = torch.randn(10, 3, generator=generator())
    labels = kmeans(x, 2, generator(3)).labels
    nearest = nearest_of_others(alframe.Euclidean(x), labels).sort().values
    assert covering_radius(x, 2, 0.9, generator(3)) == pytest.approx(float(nearest[1].sqrt()), rel=1e-4)


@pytest.mark.parametrize("size", [40, 100, 1 << 20])
def test_the_nearest_of_another_cluster(size, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", size)
    x = torch.randn(101, 5, generator=generator(), dtype=torch.float64)
    labels = torch.randint(6, (101,), generator=generator(1))
    labels[labels == 3] = 4  # one has no member
    distances = cdist(x, x, "sqeuclidean")
    distances[labels[:, None] == labels] = np.inf
    found = nearest_of_others(alframe.Euclidean(x), labels)
    np.testing.assert_allclose(found, distances.min(axis=1))
    assert nearest_of_others(alframe.Euclidean(x), labels * 0).isinf().all()


def test_the_radius_of_a_query_is_that_of_the_known_classes(make):
    problem = make(N=200)
    result = alframe.query("probcover", **problem.query)
    radius = result.logged["probcover"]["delta"]
    assert_greedy(result, Balls(problem.X, problem.XL, radius))
    others = {
        classes: alframe.query("probcover", features=problem.X, n=5, num_classes=classes).logged["probcover"]
        for classes in (2, 50)
    }
    assert others[2]["delta"] > others[50]["delta"]


@pytest.mark.parametrize("known", [{}, {"num_classes": 1}])
def test_an_unknown_number_of_classes_is_one_line(known, make):
    """Trap: counting them in labels that nobody has."""
    with pytest.raises(
        alframe.UsageError, match="pass num_classes .2 or more., or set probcover.radius"
    ) as e:
        alframe.query("probcover", features=make().X, n=5, **known)
    assert "\n" not in str(e.value)


def test_the_last_samples_can_be_picked(monkeypatch):
    """Trap: a graph built in whole batches of 500, in which the last `M mod 500` samples have no edges."""
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 10_000)
    monkeypatch.setattr(kernels, "STORED_BYTES", 0)
    X = np.random.default_rng(0).normal(size=(512, 6))
    X[501:] = X[511] + 0.01 * np.random.default_rng(1).normal(size=(11, 6))
    result = alframe.query("probcover", features=X, n=1, options={"radius": 0.1}, device="cpu")
    assert result.indices[0] >= 501


def test_without_uncovered_samples_it_stops(make):
    """Trap: the largest of nothing but zeros is position 0."""
    problem = make(N=50)
    result = alframe.query("probcover", options={"radius": 3.0}, **problem.query)
    assert result.topped_up == 20
    assert result.logged["probcover"]["coverage"] == 1
    without = {"labelled_features": None, "labelled_targets": None}
    result = alframe.query("probcover", options={"radius": 3.0}, **problem.query | without)
    assert result.topped_up == 19


def test_copies_are_in_one_ball_whatever_its_radius(make):
    """Trap: by rounding a sample is some 1e-4 away from itself, and from its copies."""
    X = make(N=30, D=40).X.repeat(3, axis=0)
    result = alframe.query("probcover", features=X, n=40, options={"radius": 1e-4}, device="cpu")
    assert result.topped_up == 10
    assert sorted((result.indices[:30] // 3).tolist()) == list(range(30))


def test_twenty_at_once_are_ten_and_ten(make):
    problem = make(N=400)
    options = {"radius": 0.5}
    at_once = alframe.query("probcover", options=options, **problem.query).indices.numpy()
    left = np.setdiff1d(np.arange(400), at_once[:10])
    again = problem.query | {
        "features": problem.X[left],
        "labelled_features": np.concatenate([problem.XL, problem.X[at_once[:10]]]),
        "labelled_targets": np.zeros(30, int),
        "n": 10,
    }
    second = left[alframe.query("probcover", options=options, **again).indices]
    reference = Balls(problem.X, problem.XL, 0.5)
    for position in (*at_once[:10], *second):
        assert reference.degrees()[position] == reference.degrees().max()
        reference.pick(position)


def test_it_is_maxherding_with_a_top_hat(make):
    """Pick for pick where the order among equals is the same."""
    problem = make(N=300)
    points, centres = (alframe.Euclidean(torch.tensor(unit(x)).float()) for x in (problem.X, problem.XL))
    weights = torch.ones(300)
    kernel = Kernel("top-hat", 0.5)
    counted = cover_greedy(points, centres, 40, generator(), kernel=kernel).picks.tolist()
    summed = cover_greedy(points, centres, 40, generator(), kernel=kernel, weights=weights).picks.tolist()
    assert counted == summed
    options = {"kernel": "top-hat", "width": 0.5}
    for strategy, chosen in (("probcover", {"radius": 0.5}), ("maxherding", options)):
        result = alframe.query(strategy, options=chosen, **problem.query)
        assert_greedy(result, Balls(problem.X, problem.XL, 0.5))


def test_scores_of_minus_infinity_are_left_out(make, make_plugin):
    from alframe.registry.registry import Registry

    problem, registry = make(N=100), Registry()
    scores = torch.where(torch.arange(100) < 50, -1.0, -torch.inf)
    registry.register(make_plugin(alframe_score=lambda pool: scores), "half")
    stages = {"select": "probcover"}
    options = {"probcover": {"radius": 0.3}}
    result = alframe.query("half", stages=stages, options=options, registry=registry, **problem.query)
    assert (result.indices[: 20 - result.topped_up] < 50).all()
    assert_greedy(result, Balls(problem.X[:50], problem.XL, 0.3))


def test_of_equal_samples_the_seed_decides(make):
    problem = make(identical=True)
    query = problem.query | {"labelled_features": problem.X[:2], "labelled_targets": [0, 1]}
    answers = [alframe.query("probcover", seed=seed, **query).indices.tolist() for seed in (0, 0, 1)]
    assert answers[0] == answers[1] != answers[2]
