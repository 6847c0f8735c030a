import numpy as np
import torch

import alframe
from alframe_anchoral._anchoral import anchors_of_classes, nearest_on_average, spread_out


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_anchors_are_drawn_in_each_class(problem):
    """All of a class with few labels, ``count`` of one with many, none of one without."""
    anchors = anchors_of_classes(torch.tensor(problem.XL), torch.tensor(problem.yL), 3, generator())
    assert len(anchors.unique()) == len(anchors)
    counts = np.bincount(problem.yL)
    assert np.bincount(problem.yL[anchors.numpy()]).tolist() == np.minimum(counts, 3).tolist()


def test_anchors_are_kmeans_plus_plus_seeds():
    """The law of the second draw is the squared distance to the first, by 500 of them."""
    x = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    draws = generator()
    counts = np.zeros((3, 3))
    for _ in range(500):
        first, second = spread_out(x, 2, draws).tolist()
        counts[first, second] += 1
    np.testing.assert_allclose(counts.sum(axis=1) / counts.sum(), 1 / 3, atol=0.08)
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, [[0, 0.1, 0.9], [0.2, 0, 0.8], [9 / 13, 4 / 13, 0]], atol=0.08)


def test_copies_are_anchors_where_there_is_nothing_else():
    assert sorted(spread_out(torch.ones(5, 2, dtype=torch.float64), 4, generator()).tolist())[-1] < 5
    assert len(spread_out(torch.ones(5, 2, dtype=torch.float64), 4, generator()).unique()) == 4


def test_the_nearest_on_average_are_kept(make):
    """The mean is over the anchors that have a sample among their neighbours, not over all anchors."""
    draws = np.random.default_rng(0)
    nearest = np.stack([draws.choice(60, 20, replace=False) for _ in range(8)])
    distances = draws.uniform(size=nearest.shape)
    means = {
        position: np.mean(
            [distances[a, list(row).index(position)] for a, row in enumerate(nearest) if position in row]
        )
        for position in set(nearest.ravel().tolist())
    }
    for at_most in (5, 30, 1000):
        kept = nearest_on_average(torch.tensor(nearest), torch.tensor(distances), at_most).tolist()
        assert kept == sorted(sorted(means, key=means.get)[:at_most])
    assert nearest_on_average(torch.tensor(nearest), torch.tensor(distances), None).tolist() == sorted(means)


def test_a_rare_class_has_as_many_neighbours_to_choose_from():
    """Its one label is an anchor, and so are two of 40 others."""
    draws = np.random.default_rng(0)
    angles = np.concatenate([draws.uniform(1.3, 1.5, 20), draws.uniform(0, 0.2, 400)])
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    known = {"labelled_features": X[19:60], "labelled_targets": (np.arange(41) == 0).astype(int)}
    query = {"features": X, "head": (np.eye(2)[::-1].copy(), None), "device": "cpu"} | known
    found = alframe.query("anchoral", n=420, options={"anchors": 2, "neighbours": 10}, **query)
    size = int(found.logged["anchoral"]["neighbours"])
    assert found.logged["anchoral"]["anchors"] == 3
    assert (found.indices[:size] < 20).sum() == 10
    assert size <= 30
    assert found.topped_up == 420 - size


def test_with_all_as_neighbours_it_is_the_strategy(make):
    problem = make(L=100)
    found = alframe.query("anchoral", options={"neighbours": 1000, "of": "entropy"}, **problem.query)
    assert found.indices.tolist() == alframe.query("entropy", **problem.query).indices.tolist()


def test_a_fixed_size_is_kept(make):
    found = alframe.query("anchoral", options={"at_most": 25}, **make(L=100).query)
    assert found.logged["anchoral"]["neighbours"] == 25


def test_anchors_follow_the_seed_and_nothing_else(make):
    """Trap: a draw of k-means++ without a seed."""
    query = make(N=500, L=200).query | {"options": {"anchors": 2, "neighbours": 5}}
    first, again, other = (
        alframe.query("anchoral", seed=seed, **query).indices.tolist() for seed in (0, 0, 1)
    )
    assert first == again != other
