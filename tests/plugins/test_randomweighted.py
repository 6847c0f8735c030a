import numpy as np
import torch
from scipy import special, stats

import alframe
from alframe_stochastic._stochastic import draw_by_score


def test_the_weights_are_the_formula_in_float64(problem):
    result = alframe.query("randomweighted", seed=5, **problem.query)
    p = special.softmax(problem.X @ problem.W.T + problem.b, axis=1)
    counts = np.bincount(problem.yL, minlength=len(problem.W))
    np.testing.assert_allclose(result.scores, (p / (counts + 1)).sum(axis=1), rtol=1e-3, atol=1e-6)
    n = min(problem.n, len(problem.X))
    draws = alframe.seeds.generator(5, 1, "select", "stochastic")
    assert result.indices.tolist() == draw_by_score(result.scores, n, "power", 1.0, draws).tolist()
    assert result.topped_up == 0


def test_equal_counts_are_uniform(make):
    problem = make(N=10, C=4, L=12, n=1)
    problem.query["labelled_targets"] = np.arange(12) % 4
    query = problem.query
    np.testing.assert_allclose(alframe.query("randomweighted", **query).scores, 0.25, rtol=1e-5)
    first = [int(alframe.query("randomweighted", seed=seed, **query).indices[0]) for seed in range(200)]
    assert stats.chisquare(np.bincount(first, minlength=10)).pvalue > 1e-3


def test_a_class_without_labels_comes_first_in_proportion():
    """Sure predictions of two classes, with 9 labels and with none: drawn one to ten."""
    X = np.repeat(np.eye(2), 50, axis=0)
    query = {"features": X, "head": (50 * np.eye(2), None), "device": "cpu", "n": 1}
    labelled = {"labelled_features": X[:9], "labelled_targets": np.zeros(9, dtype=int)}
    scores = alframe.query("randomweighted", **query, **labelled).scores
    torch.testing.assert_close(scores, torch.tensor([0.1, 1.0]).repeat_interleave(50))
    rare = sum(
        int(alframe.query("randomweighted", seed=seed, **query, **labelled).indices[0]) >= 50
        for seed in range(150)
    )
    assert stats.binomtest(rare, 150, 10 / 11).pvalue > 1e-3


def test_without_labels_all_are_alike(make):
    problem = make()
    result = alframe.query(
        "randomweighted", features=problem.X, head=(problem.W, problem.b), n=5, device="cpu"
    )
    np.testing.assert_allclose(result.scores, 1, rtol=1e-5)
