import numpy as np
import pytest
import torch

import alframe
from alframe.ops import kmeans
from alframe_centroids.clusters import nearest_to_means, order_by_content, unit_rows


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit(x):
    """``x^``: rows at unit length, a row of zeros as it is."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)


def nearest(x, labels):
    """The definition: of each cluster the distances of its members to their mean, and the least of them."""
    own, least = np.full(len(x), np.inf), {}
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        own[members] = np.linalg.norm(x[members] - x[members].mean(axis=0), axis=1)
        least[cluster] = own[members].min()
    return own, least


def blobs(sizes, D=8, seed=0):
    """Tight blobs around directions at right angles."""
    rng = np.random.default_rng(seed)
    y = np.arange(len(sizes)).repeat(sizes)
    return y, 5 * np.eye(len(sizes), D)[y] + 0.05 * rng.normal(size=(len(y), D))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_the_definition_in_float64(problem, dtype):
    """The clusters that k-means finds, and of each the member nearest to its mean."""
    n = min(problem.n, len(problem.X) - 1)
    features = torch.tensor(problem.X, dtype=dtype)
    picks = nearest_to_means(features, n, generator())
    draws = generator()
    order = order_by_content(features, draws)
    labels = np.empty(len(order), dtype=int)
    labels[order] = kmeans(unit_rows(features, order), n, draws).labels
    own, least = nearest(unit(problem.X), labels)
    assert len(picks) == n
    assert sorted(labels[picks]) == list(range(n))
    for pick in picks.tolist():
        assert own[pick] <= least[labels[pick]] + 1e-6
    sizes = np.bincount(labels)[labels[picks]]
    assert (np.diff(sizes) <= 0).all()  # the largest cluster first


def test_tight_blobs_are_all_hit():
    y, X = blobs([40, 10, 25, 60, 5])
    picks = alframe.query("centroids", features=X, n=5, device="cpu").indices
    assert y[picks].tolist() == [3, 0, 2, 1, 4]


def test_the_length_of_a_row_does_not_matter(make):
    X = make().X
    scaled = X * 2.0 ** np.random.default_rng(0).integers(-8, 8, size=(len(X), 1))
    draws = [torch.tensor(x) for x in (X, scaled)]
    order = order_by_content(draws[0], generator(1))
    torch.testing.assert_close(unit_rows(draws[0], order), unit_rows(draws[1], order))
    _, X = blobs([40, 30, 20, 10])
    sizes = np.random.default_rng(0).uniform(0.1, 10, size=(100, 1))
    first, second = (alframe.query("centroids", features=x, n=4, device="cpu") for x in (X, X * sizes))
    assert first.indices.tolist() == second.indices.tolist()


def test_a_row_of_zeros_stays_one():
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert unit_rows(rows, torch.tensor([0, 1])).tolist() == [
        [0.0, 0.0],
        [pytest.approx(0.6), pytest.approx(0.8)],
    ]


@pytest.mark.parametrize("seed", range(3))
def test_permuting_the_rows_permutes_the_answer(seed, make):
    X = torch.tensor(make(N=400, seed=seed).X)
    order = torch.randperm(400, generator=generator(9))
    picks = nearest_to_means(X, 12, generator(seed))
    assert order[nearest_to_means(X[order], 12, generator(seed))].tolist() == picks.tolist()


def test_the_order_depends_on_content_alone():
    rows = torch.randn(3000, 5, generator=generator(), dtype=torch.float32)
    shuffle = torch.randperm(3000, generator=generator(1))
    order = order_by_content(rows, generator(2))
    assert shuffle[order_by_content(rows[shuffle], generator(2))].tolist() == order.tolist()
    assert order_by_content(rows, generator(3)).tolist() != order.tolist()


def test_the_whole_pool_and_nothing():
    X = torch.randn(9, 3, generator=generator())
    assert sorted(nearest_to_means(X, 9, generator()).tolist()) == list(range(9))
    assert sorted(nearest_to_means(X, 20, generator()).tolist()) == list(range(9))
    assert nearest_to_means(X, 0, generator()).tolist() == []
    assert nearest_to_means(X[:0], 5, generator()).tolist() == []
    result = alframe.query("centroids", features=X, n=9, device="cpu")
    assert result.topped_up == 0


def test_it_needs_neither_labels_nor_a_head(make):
    """A cold start: nothing but the pool's features is there to be read."""
    result = alframe.query("centroids", features=make().X, n=20, device="cpu")
    assert len(result.indices.unique()) == 20
    assert result.scores is None
    assert result.topped_up == 0


def test_labels_change_nothing(make):
    query = make().query
    first = alframe.query("centroids", **query)
    others = {"labelled_features": query["features"][:3], "labelled_targets": [0, 1, 2]}
    assert alframe.query("centroids", **(query | others)).indices.tolist() == first.indices.tolist()


def test_identical_points_still_give_the_budget_and_the_seed_decides():
    answers = []
    for seed in (0, 0, 1):
        picks = alframe.query("centroids", features=np.ones((60, 3)), n=20, seed=seed, device="cpu").indices
        assert len(picks.unique()) == 20
        answers.append(picks.tolist())
    assert answers[0] == answers[1] != answers[2]


def test_seeds_vary_the_clusters_and_repeat_them(make):
    """A start without variance of its own would be one start, whatever the number of seeds."""
    X = make(N=400).X
    answers = {
        seed: alframe.query("centroids", features=X, n=20, seed=seed, device="cpu").indices.tolist()
        for seed in range(4)
    }
    assert len(set(map(tuple, answers.values()))) == 4
    again = alframe.query("centroids", features=X, n=20, seed=2, device="cpu").indices.tolist()
    assert again == answers[2]


def test_a_score_of_minus_infinity_is_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    never = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(never, "tenth")
    for n in (5, 30):
        query = make().query | {"n": n}
        result = alframe.query("tenth", stages={"select": "centroids"}, registry=registry, **query)
        assert (result.indices[: n - result.topped_up] % 10 == 0).all()
        assert result.topped_up == max(0, n - 15)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_each_blob_is_hit():
    y, X = blobs([40, 10, 25, 60, 5])
    picks = alframe.query("centroids", features=X, n=5, device="cuda").indices
    assert y[picks].tolist() == [3, 0, 2, 1, 4]
