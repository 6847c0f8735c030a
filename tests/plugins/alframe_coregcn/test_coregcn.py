import pytest
import torch
from scipy.spatial.distance import cdist

import alframe
from alframe import TrialError, UsageError

QUICK = {"steps": 5, "hidden": 8}
LONGER = {"steps": 100, "hidden": 8}


def test_selects_by_k_centre_on_the_hidden_layer(make):
    problem = make()
    result = alframe.query("coregcn", options=QUICK, **problem.query)
    assert len(result.indices.unique()) == 20
    learned = alframe.query("coregcn", options=QUICK, **problem.query)
    assert torch.equal(result.indices, learned.indices)
    other = alframe.query("coregcn", options=QUICK, seed=1, **problem.query)
    assert not torch.equal(result.indices, other.indices)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_each_pick_is_the_farthest_in_the_hidden_layer(offset, make, monkeypatch):
    """Features with a common offset give a hidden layer with one: rows that differ by a ten-thousandth."""
    from alframe_coregcn import graph

    made = []
    original = graph.graph_nodes
    monkeypatch.setattr(graph, "graph_nodes", lambda *args: made.append(original(*args)) or made[-1])
    problem = make()
    problem.query["features"] = problem.X + offset
    problem.query["labelled_features"] = problem.XL + offset
    picks = alframe.query("coregcn", options=QUICK, **problem.query).indices.tolist()
    assert len(made) == 1
    hidden = made[0].hidden.double()
    between = cdist(hidden[:150], hidden, "sqeuclidean")
    minima = between[:, 150:].min(axis=1)
    for pick in picks:
        assert minima[pick] >= (1 - 1e-5) * minima.max()
        minima = minima.clip(max=between[pick, :150])


def test_every_problem(problem):
    result = alframe.query("coregcn", options=QUICK, **problem.query)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))


@pytest.mark.parametrize("strategy", ["coregcn", "uncertaingcn"])
def test_a_subset_trains_and_all_are_evaluated(strategy, make):
    problem = make()
    subset = alframe.query(strategy, options=LONGER | {"subset": 30}, **problem.query)
    whole = alframe.query(strategy, options=LONGER, **problem.query)
    assert len(subset.indices.unique()) == 20
    assert not torch.equal(subset.indices, whole.indices)
    larger = alframe.query(strategy, options=LONGER | {"subset": 1000}, **problem.query)
    assert torch.equal(larger.indices, whole.indices)


def test_the_global_random_state_stays(make):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    alframe.query("coregcn", options=QUICK, **make().query)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": 0},
        {"steps": 0},
        {"steps": 10**15},
        {"dropout": 1.0},
        {"learning_rate": 0.0},
        {"unlabelled_weight": 0.0},
        {"weight_decay": -1.0},
        {"subset": 0},
    ],
)
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'coregcn'"):
        alframe.query("coregcn", options=options, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda(make):
    query = make().query | {"device": "cuda"}
    first, second = (alframe.query("coregcn", options=QUICK, **query) for _ in range(2))
    assert torch.equal(first.indices, second.indices)


def test_a_graph_network_that_diverges_is_no_fault_of_the_plugin(make):
    with pytest.raises(TrialError, match=r"became NaN; try a smaller learning rate .* or weight decay"):
        alframe.query("coregcn", options=QUICK | {"weight_decay": 1e308}, **make().query)
