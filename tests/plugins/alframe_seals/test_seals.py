import numpy as np
import pytest

import alframe
from alframe import UsageError


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def neighbours(problem, k):
    """The union, by all distances in float64."""
    squared = ((unit(problem.X)[None] - unit(problem.XL)[:, None]) ** 2).sum(axis=2)
    return sorted(set(squared.argsort(axis=1)[:, :k].ravel().tolist()))


@pytest.mark.parametrize("of", ["margin", "coreset"])
def test_is_the_strategy_on_the_neighbours(make, of):
    problem = make(N=300, L=6)
    part = neighbours(problem, 9)
    found = alframe.query("seals", options={"neighbours": 9, "of": of}, **problem.query)
    alone = alframe.query(of, **(problem.query | {"features": problem.X[part]}))
    assert found.indices.tolist() == [part[i] for i in alone.indices]
    assert found.logged["seals"]["neighbours"] == len(part) < 60


def test_with_all_as_neighbours_it_is_the_strategy(make):
    query = make().query
    found = alframe.query("seals", options={"neighbours": 1000}, **query)
    assert found.indices.tolist() == alframe.query("margin", **query).indices.tolist()


def test_fewer_neighbours_than_the_budget_are_all_taken(make):
    problem = make(L=2, n=20)
    part = neighbours(problem, 3)
    found = alframe.query("seals", options={"neighbours": 3}, **problem.query)
    assert sorted(found.indices[: len(part)].tolist()) == part
    assert found.topped_up == 20 - len(part)


def test_scores_choose_where_there_are_some(make):
    problem = make(N=300, L=6)
    part = neighbours(problem, 9)
    stages = {"select": "seals"}
    found = alframe.query("entropy", stages=stages, options={"seals": {"neighbours": 9}}, **problem.query)
    wanted = sorted(part, key=lambda i: -float(found.scores[i]))[:20]
    assert found.indices.tolist() == wanted


def test_labelled_samples_are_left_out_of_the_search(make):
    """Trap: an index of the whole array finds rows that are labelled."""
    problem = make(N=100)
    rows = np.arange(0, 100, 7)
    query = {"features": problem.X, "head": (problem.W, problem.b), "labelled_rows": rows, "n": 10}
    targets = problem.yL[: len(rows)]
    found = alframe.query("seals", labelled_targets=targets, device="cpu", **query)
    assert not set(found.indices.tolist()) & set(rows.tolist())


@pytest.mark.parametrize("strategy", ["seals", "anchoral"])
def test_without_labels_there_is_nothing_to_look_near(make, strategy):
    problem = make()
    with pytest.raises(UsageError, match=f"{strategy} needs labelled samples to look near"):
        alframe.query(strategy, features=problem.X, head=(problem.W, problem.b), n=5, device="cpu")


def test_an_unknown_strategy_is_refused(make):
    with pytest.raises(UsageError, match="nobody"):
        alframe.query("seals", options={"of": "nobody"}, **make().query)
