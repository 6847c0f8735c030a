import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import alframe
from alframe import Euclidean, UsageError
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe.ops import kmeans_plus_plus
from alframe_centroids.clusters import order_by_content
from alframe_freesel import Options, alframe_select


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn_next(X, known, draws):
    """The next sample by the published law, ``(1 - cos)^2`` to the nearest one, in float64."""
    unit, seeds = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (X, known))
    law = (1 - (unit @ seeds.T).max(axis=1)).clip(0) ** 2
    uniform = float(torch.rand(2, 16, generator=draws, dtype=torch.float64)[0, 0])
    cumulative = law.cumsum()
    return np.searchsorted(cumulative, uniform * cumulative[-1], side="right")


@pytest.mark.parametrize("seed", [3, 4])
def test_a_sample_is_drawn_by_the_published_law(problem, seed):
    result = alframe.query("freesel", seed=seed, **problem.query)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    assert result.topped_up == 0
    if problem.X.shape[1] == 1:
        return  # all directions are the same
    draws = alframe.seeds.generator(seed, 1, "select", "freesel")
    order = order_by_content(torch.tensor(problem.X, dtype=torch.float32), draws).numpy()
    assert result.indices[0] == order[drawn_next(problem.X[order], problem.XL, draws)]


def test_from_a_cold_start_the_second_is_drawn_by_the_distance_to_the_first(make):
    problem = make(n=2)
    result = alframe.query("freesel", features=problem.X, n=2, seed=5, device="cpu")
    draws = alframe.seeds.generator(5, 0, "select", "freesel")
    order = order_by_content(torch.tensor(problem.X, dtype=torch.float32), draws).numpy()
    first = order[int(torch.randint(len(order), (1,), generator=draws))]
    assert result.indices.tolist() == [
        first,
        order[drawn_next(problem.X[order], problem.X[[first]], draws)],
    ]


def test_with_a_power_of_two_it_is_the_seeding_of_kmeans(make):
    problem = make()
    result = alframe.query("freesel", features=problem.X, n=20, options={"power": 2.0}, device="cpu")
    draws = alframe.seeds.generator(0, 0, "select", "freesel")
    rows = torch.tensor(problem.X, dtype=torch.float32)
    order = order_by_content(rows, draws)
    picks = order[kmeans_plus_plus(Euclidean(normalize(rows[order])), 20, draws, first="any")]
    assert torch.equal(result.indices, picks)


def test_probabilities_need_not_sum_to_one_in_float32():
    """Trap: of many float32 probabilities the sum is off by more than a sampler may take."""
    rows = torch.rand(100_000, 3, generator=generator())
    result = alframe.query("freesel", features=rows, n=200, device="cpu")
    assert len(result.indices.unique()) == 200
    assert result.topped_up == 0


def test_the_first_may_be_any():
    rows = torch.eye(4) * torch.tensor([[1.0], [9.0], [2.0], [1.0]])
    first = {
        int(alframe.query("freesel", features=rows, n=1, seed=s, device="cpu").indices) for s in range(40)
    }
    assert first == {0, 1, 2, 3}


def test_what_is_labelled_or_pending_counts_as_drawn():
    X = torch.eye(4).repeat(5, 1)
    model = alframe.Classifier(torch.nn.Identity(), torch.nn.Linear(4, 2)).eval()

    def rows(*positions):
        return NetworkRows(model, Samples(X, X.device), torch.tensor(positions, dtype=torch.int64), 0)

    pool, pending = alframe.PoolView(rows(*range(2, 20))), alframe.PoolView(rows(1))
    labelled = alframe.LabelledView(rows(0), torch.tensor([1]))
    for seed in range(10):
        ctx = alframe.Context(1, 2, X.device, generator(seed), model)
        picks = alframe_select(pool, labelled, pending, None, 2, Options(), ctx) + 2
        assert sorted((picks % 4).tolist()) == [2, 3]


def test_permuting_the_rows_permutes_the_answer(make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    first, moved = (
        alframe.query("freesel", **(problem.query | {"features": X})) for X in (problem.X, problem.X[order])
    )
    assert order[moved.indices].tolist() == first.indices.tolist()


def test_identical_samples_and_a_whole_pool(make):
    problem = make(identical=True, N=40, n=40)
    result = alframe.query("freesel", **problem.query)
    assert sorted(result.indices.tolist()) == list(range(40))
    assert result.topped_up == 0


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "freesel"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_a_power_of_zero_is_refused(make):
    with pytest.raises(UsageError, match="options of 'freesel'"):
        alframe.query("freesel", options={"power": 0.0}, **make().query)
