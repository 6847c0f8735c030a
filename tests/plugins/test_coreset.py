import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

import alframe
from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe.ops import lower_to_nearest
from alframe_coreset._coreset import k_centre_greedy
from doubles import Whole


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def farthest_first(distances_to_labelled, distances, n):
    """Algorithm 1 of the paper: ``N`` minima, ``N x N`` distances."""
    minima, picks = distances_to_labelled.copy(), []
    for _ in range(n):
        minima[picks] = -np.inf
        picks.append(int(minima.argmax()))
        minima = np.minimum(minima, distances[picks[-1]])
    return picks


def assert_each_pick_is_farthest(picks, distances_to_labelled, distances, tolerance):
    """As `farthest_first`, for problems with ties: each pick is a farthest one, given the picks before it."""
    minima = distances_to_labelled.copy()
    for step, pick in enumerate(picks):
        minima[picks[:step]] = -np.inf
        assert minima[pick] >= minima.max() - tolerance
        minima = np.minimum(minima, distances[pick])


def test_is_the_algorithm_in_float64(problem, request):
    X, XL, n = problem.X, problem.XL, min(problem.n, len(problem.X))
    to_labelled, between = cdist(X, XL, "sqeuclidean").min(axis=1), cdist(X, X, "sqeuclidean")
    result = alframe.query("coreset", **problem.query)
    assert len(result.indices.unique()) == n
    assert result.topped_up == 0
    assert_each_pick_is_farthest(result.indices.tolist(), to_labelled, between, 1e-5 * (X**2).sum(1).max())
    if "identical" not in request.node.name:
        assert result.indices.tolist() == farthest_first(to_labelled, between, n)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["euclidean", "outer product", "divergence"])
@pytest.mark.parametrize("n", [1, 40, 400])
def test_a_block_picks_what_single_steps_pick(dtype, kind, n):
    """Small blocks, many folds, every geometry; the reference takes one pick at a time."""
    x = torch.randn(400, 6, generator=generator(1), dtype=dtype)
    p = (2 * torch.randn(400, 4, generator=generator(2), dtype=dtype)).softmax(1)
    points = {"euclidean": Euclidean(x), "outer product": OuterProduct(p, x), "divergence": SymmetricKL(p)}[
        kind
    ]
    rows = torch.arange(5)
    between = points.squared_distances(points).double().numpy()
    wanted = farthest_first(between[:, :5].min(axis=1), between, n)
    picks = k_centre_greedy(points, [points[rows]], n, generator())
    assert len(picks.unique()) == n
    assert_each_pick_is_farthest(picks.tolist(), between[:, :5].min(axis=1), between, 1e-5)
    assert picks[:395].tolist() == wanted[:395]  # the last five coincide with the centres


def test_the_last_picks_are_compared_with_nobody(monkeypatch):
    """A look at all points costs most where their rows are made again."""
    folded = []

    def count(minima, points, centres):
        folded.append((len(points), len(centres)))
        return lower_to_nearest(minima, points, centres)

    monkeypatch.setattr("alframe_coreset._coreset.lower_to_nearest", count)
    monkeypatch.setattr("alframe.ops.farthest.lower_to_nearest", count)
    points = Euclidean(torch.randn(200, 5, generator=generator()))
    assert len(k_centre_greedy(points, [points[:7]], 1, generator())) == 1
    assert folded == [(200, 7)]
    assert len(k_centre_greedy(points, [points[:7]], 40, generator())) == 40
    assert sum(rows * centres for rows, centres in folded[1:]) < 200 * (7 + 40)


def test_without_labelled_points_it_starts_anywhere():
    x = torch.randn(50, 3, generator=generator())
    picks = k_centre_greedy(Euclidean(x), [Euclidean(x[:0])], 10, generator(3))
    between = cdist(x, x, "sqeuclidean")
    wanted = farthest_first(between[picks[0]], between, 9)
    assert picks[1:].tolist() == wanted
    starts = {int(k_centre_greedy(Euclidean(x), [Euclidean(x[:0])], 1, generator(s))) for s in range(30)}
    assert len(starts) > 10


def test_positions_are_those_of_the_pool_and_not_of_the_data_set():
    """Trap: published code mixed the two."""
    digits = alframe.load_dataset("digits")
    learner = alframe.ActiveLearner(digits.hide_labels(), "mlp", "coreset", device="cpu")
    first = learner.ask(30)
    learner.tell(first, digits.targets[first])
    learner.fit()
    picks = learner.ask(20)
    assert not set(picks.tolist()) & set(first.tolist())
    z = learner.model.features(digits.inputs).detach().double().numpy()
    pool = learner.unlabelled.numpy()
    wanted = farthest_first(
        cdist(z[pool], z[first], "sqeuclidean").min(axis=1), cdist(z[pool], z[pool], "sqeuclidean"), 20
    )
    assert picks.tolist() == pool[wanted].tolist()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_picks_do_not_depend_on_the_size_of_blocks(size, monkeypatch):
    """Of equally far points the first in the seed's order is taken, be it in the block or not."""
    monkeypatch.setattr("alframe_coreset._coreset.SMALLEST_BLOCK", size)
    monkeypatch.setattr("alframe_coreset._coreset.LARGEST_BLOCK", size)
    x = torch.randn(800, 3, generator=generator()).round()
    picks = k_centre_greedy(Whole(x), [Whole(x[:1])], 60, generator(4))
    order = torch.randperm(800, generator=generator(4))
    between = cdist(x[order], x[order], "sqeuclidean")
    wanted = farthest_first(between[int((order == 0).nonzero())], between, 60)
    assert picks[:40].tolist() == order[wanted[:40]].tolist()


OFFSETS = [0.0, 1e2, 1e3, 1e4, 1e5]  # standard deviations


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("strategy", ["coreset", "random"], ids=["own", "borrowed"])
def test_a_common_offset_changes_no_pick(offset, strategy, make):
    """The reference is in float64, on the numbers as float32 holds them."""
    problem = make(N=400, D=16, n=40)
    X, XL = ((part + offset).astype(np.float32) for part in (problem.X, problem.XL))
    problem.query |= {"features": X, "labelled_features": XL}
    picks = alframe.query(strategy, stages={"select": "coreset"}, **problem.query).indices.tolist()
    X, XL = X.astype(np.float64), XL.astype(np.float64)
    wanted = farthest_first(cdist(X, XL, "sqeuclidean").min(axis=1), cdist(X, X, "sqeuclidean"), 40)
    assert picks == wanted


def sorted_file(classes=4, each=250):
    """A file sorted by class, of one row a class; the first two classes have a label."""
    y = np.arange(classes).repeat(each)
    X = np.eye(classes, dtype=np.float32)[y]
    labelled = {"labelled_features": X[[0, each]], "labelled_targets": [0, 1]}
    return y, {"features": X, "head": (2 * np.eye(classes), None), "device": "cpu", **labelled}


@pytest.mark.parametrize("strategy", ["coreset", "cdal", "coregcn", "badge", "random"])
@pytest.mark.parametrize("labels", [True, False])
def test_the_seed_decides_among_equals(strategy, labels):
    y, query = sorted_file()
    if strategy == "coregcn":
        query["options"] = {"steps": 2, "hidden": 4}
    if not labels:
        query["labelled_features"], query["labelled_targets"] = query["features"][:0], []
    stages = {"select": "coreset"} if strategy == "random" else {}
    answers = [
        alframe.query(strategy, n=30, seed=seed, stages=stages, **query).indices.tolist()
        for seed in (0, 0, 1, 2)
    ]
    assert answers[0] == answers[1]
    assert len({tuple(answer) for answer in answers}) == 3
    for answer in answers:
        assert len(set(answer)) == 30
        assert (np.bincount(y[answer], minlength=4) > 0).all()
        assert np.bincount(y[answer]).max() < 25


@pytest.mark.usefixtures("types_unchecked")
def test_equally_far_points_are_equally_likely():
    """The first pick, and one after all distinct points are picked: 400 seeds, chi-squared."""
    x = torch.eye(3).repeat_interleave(10, 0)
    first, last = np.zeros(30), np.zeros(30)
    for seed in range(400):
        picks = k_centre_greedy(Euclidean(x), [Euclidean(x[:1])], 4, generator(seed))
        first[picks[0]] += 1
        last[picks[3]] += 1
    assert (first[:10] == 0).all()
    assert stats.chisquare(first[10:]).pvalue > 1e-3
    assert stats.chisquare(last, 400 / 28 * np.where(np.arange(30) < 10, 1, 0.9)).pvalue > 1e-3


def test_nobody_may_be_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    registry.register(make_plugin(alframe_score=lambda pool: torch.full((len(pool),), -torch.inf)), "never")
    for selector in ("coreset", "badge", "alfamix"):
        result = alframe.query("never", stages={"select": selector}, registry=registry, **make().query)
        assert result.topped_up == 20


def test_scores_of_minus_infinity_are_never_picked(make_plugin):
    from alframe.registry.registry import Registry

    registry = Registry()

    def alframe_score(pool):
        return torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)

    registry.register(make_plugin(alframe_score=alframe_score), "tenth")
    x = np.random.default_rng(0).normal(size=(200, 4))
    for selector in ("coreset", "badge"):
        result = alframe.query("tenth", features=x, n=30, stages={"select": selector}, registry=registry)
        assert (result.indices[:20] % 10 == 0).all()
        assert result.topped_up == 10


def test_show_says_which_algorithm_it_is(registry):
    assert "2-approximation" in registry.plugin("coreset").info.summary


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_picks_as_the_cpu_does():
    x = torch.randn(5000, 32, generator=generator())
    on_cpu = alframe.query("coreset", features=x, n=200, device="cpu", seed=1)
    on_cuda = alframe.query("coreset", features=x, n=200, device="cuda", seed=1)
    assert on_cpu.indices.tolist() == on_cuda.indices.tolist()


def test_tight_clusters_far_apart_are_told_apart_inside():
    """32 bits know distances from the origin's scale on; between rows of one cluster they are below that."""
    X = np.zeros((300, 16), np.float32)
    X[:, 0] = np.where(np.arange(300) % 2, 1000, -1000)
    X[:, 1] = np.linspace(0, 1, 300)
    labelled = {"labelled_features": X[:2], "labelled_targets": [0, 1]}
    picks = alframe.query("coreset", features=X, n=30, device="cpu", **labelled).indices.numpy()
    centres = np.concatenate([X[:2], X[picks]]).astype(float)
    assert cdist(X.astype(float), centres).min(axis=1).max() <= 1 / 15  # 15 or 16 to cover each cluster
    assert len(set(picks.tolist())) == 30
