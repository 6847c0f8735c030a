import numpy as np
import pytest
import torch
from torch import nn

import alframe
from alframe import UsageError
from alframe_base import _base
from alframe_base._base import nearest_to_boundaries


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(W, b, dtype=torch.float64):
    head = nn.Linear(W.shape[1], len(W), dtype=dtype)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(W))
        head.bias.copy_(torch.tensor(b))
    return head


def boundary_distances(X, W, b):
    """``N x C`` in float64: the formula, sample by sample and class by class."""
    logits = X @ W.T + b
    distances = np.empty_like(logits)
    for i, row in enumerate(logits):
        y = row.argmax()
        to = [(row[y] - row[c]) / np.linalg.norm(W[y] - W[c]) if c != y else np.inf for c in range(len(W))]
        to[y] = min(to)
        distances[i] = to
    return distances


def classes_and_shares(N, C, n, seed):
    """The classes in the order in which they are drawn, and the samples of each."""
    draws = generator(seed)
    torch.randperm(N, generator=draws)
    order = torch.randperm(C, generator=draws).tolist()
    return {c: n // C + (place < n % C) for place, c in enumerate(order)}


def taken_in_turn(distances, shares):
    """For each class the nearest that are not taken yet; then the nearest of each, the second, and so on."""
    found, free = [], np.ones(len(distances), dtype=bool)
    for c, share in shares.items():
        own = np.where(free, distances[:, c], np.inf).argsort(kind="stable")[:share]
        free[own] = False
        found += [(rank, len(found), pick) for rank, pick in enumerate(own.tolist())]
    return [pick for _, _, pick in sorted(found)]


def test_is_the_formula_in_float64(problem, request):
    X, W, b = problem.X, problem.W, problem.b
    n = min(problem.n, len(X))
    everybody = torch.ones(len(X), dtype=torch.bool)
    picks = nearest_to_boundaries(linear(W, b), torch.tensor(X), everybody, n, generator(3)).tolist()
    assert len(set(picks)) == n
    if "identical" not in request.node.name:
        shares = classes_and_shares(len(X), len(W), n, 3)
        assert picks == taken_in_turn(boundary_distances(X, W, b), shares)


def test_a_query_is_the_formula_up_to_rounding(problem):
    """In float32, with ties: each class's samples are as near as they can be, given those before it."""
    seed = 2
    result = alframe.query("base", seed=seed, **problem.query)
    X, n, C = problem.X, min(problem.n, len(problem.X)), len(problem.W)
    assert result.topped_up == 0
    distances = boundary_distances(X, problem.W, problem.b)
    draws = alframe.seeds.generator(seed, 1, "select", "base")
    torch.randperm(len(X), generator=draws)
    order = torch.randperm(C, generator=draws).tolist()
    by_class = {c: [] for c in order}
    for place, pick in enumerate(result.indices.tolist()):
        by_class[order[place % C]].append(pick)
    free = np.ones(len(X), dtype=bool)
    for c, picks in by_class.items():
        least = np.sort(distances[free, c])[: len(picks)]
        np.testing.assert_allclose(
            distances[picks, c], least, rtol=1e-3, atol=1e-4 * (1 + least.max(initial=0))
        )
        free[picks] = False
    assert sum(map(len, by_class.values())) == n


def test_each_class_has_its_share():
    """Trap: uncertainty alone spends the budget on the boundary where most samples are."""
    rng = np.random.default_rng(0)
    W = np.array([[1.0, 0], [-1, 0], [0, 8]])
    crowd = np.stack([rng.normal(size=500) * 0.01, np.full(500, -1.0)], axis=1)
    rare = np.stack([rng.normal(size=30), rng.uniform(0.5, 1.5, size=30)], axis=1)
    X, head = np.concatenate([crowd, rare]), (W, np.zeros(3))
    picks = alframe.query("base", features=X, head=head, n=30, device="cpu").indices
    margins = alframe.query("margin", features=X, head=head, n=30, device="cpu").indices
    assert (picks >= 500).sum() >= 10
    assert (margins >= 500).sum() < 5


@pytest.mark.parametrize("n", [1, 4, 5, 7, 23])
def test_the_budget_need_not_be_a_multiple_of_the_classes(n, make):
    """What is left over goes to classes that are drawn, not to the first."""
    query = make().query | {"n": n}
    result = alframe.query("base", **query)
    assert len(result.indices.unique()) == n
    assert result.topped_up == 0


def test_a_sample_near_two_classes_is_taken_once():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    head = (np.array([[1.0, 0], [-1, 0], [0, 1]]), np.zeros(3))
    picks = alframe.query("base", features=X, head=head, n=3, device="cpu").indices
    assert sorted(picks.tolist()) == [0, 1, 2]


@pytest.mark.parametrize("elements", [1, 400, 10_000])
def test_picks_do_not_depend_on_blocks(elements, make, monkeypatch):
    problem = make(N=300, C=7, n=40)
    head, X, everybody = (
        linear(problem.W, problem.b),
        torch.tensor(problem.X),
        torch.ones(300, dtype=torch.bool),
    )
    wanted = nearest_to_boundaries(head, X, everybody, 40, generator()).tolist()
    monkeypatch.setattr(_base, "COLUMN_ELEMENTS", elements)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", elements)
    assert nearest_to_boundaries(head, X, everybody, 40, generator()).tolist() == wanted


def test_permuting_the_rows_permutes_the_answer(make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    first = alframe.query("base", **problem.query).indices
    draws = [generator(), generator()]
    head, everybody = linear(problem.W, problem.b), torch.ones(300, dtype=torch.bool)
    first, moved = (
        nearest_to_boundaries(head, torch.tensor(X), everybody, 20, g)
        for X, g in zip((problem.X, problem.X[order]), draws, strict=True)
    )
    assert order[moved].tolist() == first.tolist()


def test_the_seed_decides_among_equals():
    answers = []
    query = {"features": np.ones((60, 3)), "head": (np.eye(3), np.zeros(3)), "n": 9, "device": "cpu"}
    for seed in (0, 0, 1):
        picks = alframe.query("base", seed=seed, **query).indices
        assert len(picks.unique()) == 9
        answers.append(picks.tolist())
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("bias", [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
def test_classes_of_equal_weights(bias, make):
    """Trap: 0/0. On their boundary everywhere, or nowhere near it."""
    problem = make(C=3)
    problem.W[1] = problem.W[0]
    query = problem.query | {"head": (problem.W, np.array(bias))}
    result = alframe.query("base", **query)
    assert len(result.indices.unique()) == 20
    assert result.topped_up == 0


def test_one_class_and_the_whole_pool(make):
    problem = make(N=12, n=12)
    query = problem.query | {"head": (problem.W[:2], problem.b[:2]), "labelled_targets": problem.yL % 2}
    assert sorted(alframe.query("base", **query).indices.tolist()) == list(range(12))
    head = linear(problem.W[:1], problem.b[:1])
    everybody = torch.ones(12, dtype=torch.bool)
    picks = nearest_to_boundaries(head, torch.tensor(problem.X), everybody, 5, generator())
    assert len(picks.unique()) == 5
    assert len(nearest_to_boundaries(head, torch.tensor(problem.X), ~everybody, 5, generator())) == 0


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "base"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_a_head_that_is_not_linear_or_missing(make):
    problem = make()
    head = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5))
    with pytest.raises(UsageError, match="boundaries of a linear head, and this head is none"):
        alframe.query("base", **(problem.query | {"head": head}))
    with pytest.raises(UsageError, match=r"base needs a head: pass head=\(W, b\)"):
        alframe.query("base", features=problem.X, n=5, device="cpu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_picks_as_the_cpu_does(make):
    query = make(N=2000, C=9).query
    on_cpu, on_cuda = (
        alframe.query("base", **(query | {"device": d})).indices.tolist() for d in ("cpu", "cuda")
    )
    assert on_cpu == on_cuda
