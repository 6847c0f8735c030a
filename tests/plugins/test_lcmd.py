import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

import alframe
from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe_lcmd._lcmd import cluster_sums, largest_cluster_maximum_distance

POOL, CENTRES = [1.0, 2.0, 10.0, 11.0, 20.0, 5.0], [0.0, 12.0]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def picks_of(points, centres, n, seed=0):
    return largest_cluster_maximum_distance(points, centres, n, generator(seed)).tolist()


def steps(to_centres, between, norms, n):
    """Literally: the cluster sums and distances before each pick."""
    columns, picks = list(to_centres.T), []
    for _ in range(n):
        free = np.ones(len(norms), bool)
        free[picks] = False
        if not columns:
            values = np.where(free, norms, -np.inf)
        else:
            distances = np.min(columns, axis=0)
            owners = np.argmin(columns, axis=0)
            sums = np.bincount(owners[free], weights=distances[free], minlength=len(columns))
            values = np.where(free & (owners == sums.argmax()), distances, -np.inf)
        picks.append(int(values.argmax()))
        columns.append(between[picks[-1]])
    return picks


def test_is_the_algorithm_in_float64(problem, request):
    X, XL, n = problem.X, problem.XL, min(problem.n, len(problem.X))
    to_labelled, between = cdist(X, XL, "sqeuclidean"), cdist(X, X, "sqeuclidean")
    result = alframe.query("lcmd", **problem.query)
    assert len(result.indices.unique()) == n
    assert result.topped_up == 0
    if "identical" not in request.node.name:
        assert result.indices.tolist() == steps(to_labelled, between, (X**2).sum(axis=1), n)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["euclidean", "outer product", "divergence"])
@pytest.mark.parametrize("labelled", [0, 5])
def test_any_geometry(dtype, kind, labelled):
    x = torch.randn(200, 6, generator=generator(1), dtype=dtype)
    p = (2 * torch.randn(200, 4, generator=generator(2), dtype=dtype)).softmax(1)
    points = {"euclidean": Euclidean(x), "outer product": OuterProduct(p, x), "divergence": SymmetricKL(p)}[
        kind
    ]
    between, norms = (
        points.squared_distances(points).double().numpy(),
        points.squared_norms().double().numpy(),
    )
    wanted = steps(between[:, :labelled], between, norms, 60)
    assert picks_of(points, points[torch.arange(labelled)], 60) == wanted


def test_by_hand():
    """Sums 30 and 69: 20 is picked; then 30, 5, 0: 5; then 5 and 5: 2 or 10."""
    x, centres = torch.tensor(POOL)[:, None], torch.tensor(CENTRES)[:, None]
    distances, owners = ((x - centres.T) ** 2).min(dim=1)
    sums = cluster_sums(distances, owners, 2).double()
    assert (sums / sums.sum()).tolist() == pytest.approx([30 / 99, 69 / 99])
    third = set()
    for seed in range(20):
        picks = [POOL[i] for i in picks_of(Euclidean(x), Euclidean(centres), 3, seed)]
        assert picks[:2] == [20, 5]
        third.add(picks[2])
    assert third == {2, 10}


def test_without_labelled_points_the_longest_is_first():
    x = torch.randn(50, 3, generator=generator())
    picks = picks_of(Euclidean(x), Euclidean(x[:0]), 10)
    assert picks[0] == x.square().sum(1).argmax()
    between = cdist(x, x, "sqeuclidean")
    assert picks == steps(np.empty((50, 0)), between, x.double().square().sum(1).numpy(), 10)


def test_the_largest_cluster_counts_and_not_the_farthest_point():
    """What k-centre would take, a point far away and alone, comes second."""
    x = torch.cat([torch.linspace(1, 2, 50), torch.tensor([10.0])])[:, None]
    x[:50] += 100
    centres = torch.tensor([[0.0], [100.0]])
    picks = picks_of(Euclidean(x), Euclidean(centres), 2)
    assert picks == [49, 50]


def test_picks_are_of_the_pool_and_never_twice(make):
    """Traps: scores that are masked in a copy, and training points among the picks."""
    problem = make(N=30, n=30, pairs=True)
    problem.query["labelled_features"] = problem.X[:20]
    problem.query["labelled_targets"] = np.zeros(20, int)
    picks = alframe.query("lcmd", **problem.query).indices.tolist()
    assert sorted(picks) == list(range(30))


def test_no_label_is_read(make):
    problem = make()
    picks = alframe.query("lcmd", **problem.query).indices.tolist()
    problem.query["labelled_targets"] = np.zeros_like(problem.yL)
    assert alframe.query("lcmd", **problem.query).indices.tolist() == picks


def test_sums_are_the_same_in_any_order():
    distances = 1e6 * torch.rand(10_000, generator=generator()) ** 8
    owners = torch.randint(7, (10_000,), generator=generator(1))
    sums = cluster_sums(distances, owners, 9)
    for seed in range(3):
        order = torch.randperm(10_000, generator=generator(seed))
        assert torch.equal(cluster_sums(distances[order], owners[order], 9), sums)
    exact = torch.zeros(9, dtype=torch.float64).index_add_(0, owners, distances.double())
    torch.testing.assert_close(sums.double() / sums.sum(), exact / exact.sum(), rtol=1e-9, atol=0)
    assert cluster_sums(torch.zeros(3), torch.tensor([0, 1, 1]), 2).tolist() == [0, 0]
    assert (cluster_sums(torch.full((4096,), 3e38), torch.zeros(4096, dtype=torch.int64), 1) > 0).all()


def test_the_order_of_the_rows_does_not_matter(make):
    problem = make()
    first = alframe.query("lcmd", **problem.query).indices.tolist()
    order = np.random.default_rng(0).permutation(len(problem.X))
    problem.query["features"] = problem.X[order]
    assert order[alframe.query("lcmd", **problem.query).indices].tolist() == first


@pytest.mark.parametrize("elements", [1, 100])
def test_blocks_change_no_pick(elements, make, monkeypatch):
    problem = make()
    whole = alframe.query("lcmd", **problem.query).indices.tolist()
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", elements)
    assert alframe.query("lcmd", **problem.query).indices.tolist() == whole


@pytest.mark.usefixtures("types_unchecked")
def test_equal_points_are_equally_likely():
    """After the three distinct points each copy is as likely: 150 seeds, chi-squared."""
    x = Euclidean(torch.eye(3).repeat_interleave(10, 0))
    found = np.zeros((2, 30))
    for seed in range(150):
        picks = picks_of(x, x[:0], 4, seed)
        assert len({pick // 10 for pick in picks[:3]}) == 3
        found[0, picks[0]] += 1
        found[1, picks[3]] += 1
    assert stats.chisquare(found[0]).pvalue > 1e-3
    assert stats.chisquare(found[1]).pvalue > 1e-3


def test_tight_clusters_far_apart_are_told_apart_inside():
    """32 bits know distances from the origin's scale on; between rows of one cluster they are below that."""
    X = np.zeros((300, 16), np.float32)
    X[:, 0] = np.where(np.arange(300) % 2, 1000, -1000)
    X[:, 1] = np.linspace(0, 1, 300)
    labelled = {"labelled_features": X[:2], "labelled_targets": [0, 1]}
    picks = alframe.query("lcmd", features=X, n=30, device="cpu", **labelled).indices.numpy()
    centres = np.concatenate([X[:2], X[picks]]).astype(float)
    assert cdist(X.astype(float), centres).min(axis=1).max() <= 1 / 15
    assert len(set(picks.tolist())) == 30


def test_scores_of_minus_infinity_are_never_picked(make, make_plugin):
    from alframe.registry.registry import Registry

    registry = Registry()
    scores = torch.where(torch.arange(150) % 10 == 0, 1.0, -torch.inf)
    registry.register(make_plugin(alframe_score=lambda pool: scores), "tenth")
    result = alframe.query("tenth", stages={"select": "lcmd"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_nothing_to_pick():
    x = Euclidean(torch.rand(5, 2))
    assert picks_of(x, x[:0], 0) == picks_of(x[:0], x, 0) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_picks_as_the_cpu_does():
    x = torch.randn(5000, 32, generator=generator())
    on_cpu = alframe.query("lcmd", features=x, n=200, device="cpu", seed=1)
    on_cuda = alframe.query("lcmd", features=x, n=200, device="cuda", seed=1)
    assert on_cpu.indices.tolist() == on_cuda.indices.tolist()
