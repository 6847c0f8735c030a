import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe_centroids.clusters import order_by_content
from alframe_dal import Options, _dal, alframe_select
from alframe_dal._logistic import TwoKinds


def transcribed(X, XL, n, subqueries=10, ratio=10, c=1.0, seed=0):
    """Algorithm 1 in float64, by Newton's method as it stands in books; equals in the order drawn."""
    draws = alframe.seeds.generator(seed, 1, "select", "dal")
    order = order_by_content(torch.tensor(X, dtype=torch.float32), draws).numpy()
    left, picks = np.ones(len(X), bool), []
    n, count = min(n, len(X)), min(subqueries, n, len(X))
    for part in range(count):
        drawn = order[torch.randperm(len(X), generator=draws).numpy()]
        drawn = drawn[left[drawn]]
        known = np.concatenate([XL, X[picks]])
        x = np.concatenate([known, X[drawn[: int(ratio * len(known))]]])
        y = np.arange(len(x)) >= len(known)
        odds = (X - x.mean(axis=0)) @ (w := regression(x - x.mean(axis=0), y, c))[:-1] + w[-1]
        size = n // count + (part < n % count)
        chosen = drawn[np.argsort(-odds[drawn].astype(np.float32), kind="stable")[:size]]
        left[chosen] = False
        picks += chosen.tolist()
    return picks


def regression(x, y, c):
    x = np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([1 / c] * (x.shape[1] - 1) + [0])
    w = np.zeros(x.shape[1])

    def loss(w):
        return np.logaddexp(0, x @ w).sum() - y @ (x @ w) + w @ penalty @ w / 2

    for _ in range(25):
        p = 1 / (1 + np.exp(-x @ w))
        step = np.linalg.solve(x.T @ (p * (1 - p) * x.T).T + penalty, x.T @ (y - p) - penalty @ w)
        while loss(w + step) > loss(w) + 1e-9:
            step /= 2
        w = w + step
        if np.abs(step).max() < 1e-10:
            break
    return w


def test_the_picks_are_the_algorithm_in_float64(problem):
    picks = alframe.query("dal", options={"subqueries": 3}, **problem.query).indices
    assert picks.tolist() == transcribed(problem.X, problem.XL, problem.n, subqueries=3)


def test_options_are_those_of_the_algorithm(make):
    problem = make()
    found = []
    for options in ({}, {"c": 100.0, "subqueries": 1}, {"subqueries": 7, "ratio": 2.0}):
        found.append(alframe.query("dal", options=options, **problem.query).indices.tolist())
        assert found[-1] == transcribed(problem.X, problem.XL, problem.n, **options)
    assert found[0] != found[1] != found[2] != found[0]


def two_directions(N=200, D=8):
    """Labelled samples at the origin; the pool lies there, too, but for ten at one end and ten at another."""
    rng = np.random.default_rng(0)
    X, XL = rng.normal(size=(N, D)) * 0.1, rng.normal(size=(40, D)) * 0.1
    X[:10, 0] += 4
    X[10:20, 1] += 3
    return {"features": X, "labelled_features": XL, "labelled_targets": np.arange(40) % 2, "device": "cpu"}


def test_picks_of_earlier_parts_are_labelled():
    """Trap: asked at once, a query takes all that lies in one direction, however much alike it is."""
    many, one = (
        alframe.query("dal", n=10, options={"subqueries": parts}, **two_directions()).indices
        for parts in (10, 1)
    )
    assert (one < 10).sum() >= 9
    assert (many < 10).sum() <= 5
    assert sorted((many[:2] // 10).tolist()) == [0, 1]


def test_all_samples_are_scored_and_not_those_it_learns_from_alone():
    """Trap: the published program asks only about samples that were drawn to learn from."""
    options = {"subqueries": 1, "ratio": 0.5}
    assert (alframe.query("dal", n=10, options=options, **two_directions()).indices < 20).all()


def test_it_learns_from_ten_unlabelled_samples_for_each_labelled_one(make, monkeypatch):
    sizes = []
    original = TwoKinds.__init__

    def init(self, labelled, *parts):
        sizes.append((labelled, sum(map(len, parts)) - labelled))
        original(self, labelled, *parts)

    monkeypatch.setattr(TwoKinds, "__init__", init)
    alframe.query("dal", **make(N=130, L=5, n=6).query | {"options": {"subqueries": 3}})
    assert sizes == [(5, 50), (7, 70), (9, 90)]
    alframe.query("dal", **make(N=60, L=20, n=6).query | {"options": {"subqueries": 2}})
    assert sizes[3:] == [(20, 60), (23, 57)]


def test_a_budget_that_the_parts_do_not_divide():
    """Trap: the published program asks for none at a time where there are more parts than samples."""
    assert _dal.parts(23, 10) == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert _dal.parts(4, 10) == [1, 1, 1, 1]


def test_it_goes_by_content_and_not_by_position(make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    first, moved = (
        alframe.query("dal", options={"subqueries": 2}, **problem.query | {"features": X}).indices
        for X in (problem.X, problem.X[order])
    )
    assert order[moved].tolist() == first.tolist()


def test_the_seed_decides_among_equals():
    X = np.eye(4, dtype=np.float32).repeat(250, axis=0)
    asked = {"features": X, "labelled_features": X[[0, 300]], "labelled_targets": [0, 1], "device": "cpu"}
    asked |= {"n": 20, "options": {"subqueries": 1, "ratio": 500.0}}
    first, second = (alframe.query("dal", seed=seed, **asked).indices for seed in (0, 1))
    assert set((first // 250).tolist()) <= {2, 3}
    assert (first % 250).max() - (first % 250).min() > 100
    assert set(first.tolist()) != set(second.tolist())


def test_pending_samples_count_as_labelled():
    asked = two_directions()
    X, XL = (torch.tensor(asked[name], dtype=torch.float32) for name in ("features", "labelled_features"))
    model = alframe.Classifier(torch.nn.Identity(), torch.nn.Linear(X.shape[1], 2)).eval()

    def rows(some):
        return NetworkRows(model, Samples(some, some.device), torch.arange(len(some)), 0)

    def picks(pending):
        ctx = alframe.Context(1, 2, X.device, torch.Generator().manual_seed(0), model)
        labelled = alframe.LabelledView(rows(XL), torch.arange(40) % 2)
        return alframe_select(
            alframe.PoolView(rows(X[10:])), labelled, None, 5, alframe.PoolView(rows(pending)), Options(), ctx
        )

    assert picks(X[:0])[0] < 10
    assert picks(X[10:20])[0] >= 10


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    problem = make()
    result = alframe.query("tenth", stages={"select": "dal"}, registry=registry, **problem.query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_nothing_labelled_begins_at_random(make):
    problem = make()
    picks = [alframe.query("dal", features=problem.X, n=12, seed=s, device="cpu").indices for s in (0, 1)]
    assert [len(some.unique()) for some in picks] == [12, 12]
    assert picks[0][:2].tolist() != picks[1][:2].tolist()


@pytest.mark.parametrize("options", [{"subqueries": 0}, {"ratio": 0}, {"c": 0.0}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'dal'"):
        alframe.query("dal", options=options, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_the_picks_are_the_same(make):
    query = make(N=2000, n=30).query
    on_cpu, on_cuda = (alframe.query("dal", **query | {"device": d}) for d in ("cpu", "cuda"))
    assert torch.equal(on_cpu.indices, on_cuda.indices)
