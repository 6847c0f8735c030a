import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe_coregcn import graph

QUICK = {"steps": 5, "hidden": 8}


@pytest.mark.parametrize("margin", [0.1, 0.9])
def test_scores_are_minus_the_distance_from_the_margin(make, monkeypatch, margin):
    made = []
    original = graph.graph_nodes
    monkeypatch.setattr(graph, "graph_nodes", lambda *args: made.append(original(*args)) or made[-1])
    result = alframe.query("uncertaingcn", options=QUICK | {"margin": margin}, **make().query)
    wanted = -(made[0].labelled[:150].double() - margin).abs()
    np.testing.assert_allclose(result.scores, wanted, atol=1e-6)
    assert result.indices.tolist() == wanted.argsort(descending=True, stable=True)[:20].tolist()


def test_every_problem(problem):
    result = alframe.query("uncertaingcn", options=QUICK, **problem.query)
    assert result.scores.isfinite().all()
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))


def test_the_seed_decides_among_equals():
    """In a file sorted by class the samples of best score are a class of 250."""
    X = np.eye(4, dtype=np.float32).repeat(250, axis=0)
    asked = {"features": X, "labelled_features": X[[0, 300]], "labelled_targets": [0, 1], "device": "cpu"}
    for seed in range(3):
        picks = alframe.query("uncertaingcn", n=20, seed=seed, options=QUICK, **asked).indices
        assert len((picks // 250).unique()) == 1
        assert (picks % 250).max() - (picks % 250).min() > 100


def test_it_needs_no_head(make):
    query = make().query
    with_head = alframe.query("uncertaingcn", options=QUICK, **query)
    del query["head"]
    assert torch.equal(alframe.query("uncertaingcn", options=QUICK, **query).indices, with_head.indices)


def test_a_margin_outside_its_range(make):
    with pytest.raises(UsageError, match="margin must lie in"):
        alframe.query("uncertaingcn", options={"margin": 1.5}, **make().query)
