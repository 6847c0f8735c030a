import numpy as np
import pytest
import torch
from scipy.special import softmax

import alframe
from alframe import UsageError
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe_clustermargin import Options, alframe_select
from alframe_clustermargin._clustermargin import clusters_at, find_clusters, in_turn


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def margins(problem):
    p = np.sort(softmax(problem.X @ problem.W.T + problem.b, axis=1), axis=1)
    return p[:, -1] - p[:, -2]


def blobs(sizes, D=8, seed=0):
    """Tight groups of rows in directions at right angles, of several lengths."""
    g = generator(seed)
    of = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    rows = torch.eye(D)[of] + 0.01 * torch.randn(len(of), D, generator=g)
    return rows * (1 + torch.rand(len(of), 1, generator=g)), of


def ask(X, scores, n, **options):
    """The picks for given scores: the head's logits are (score, 0), so that a small one is a small margin."""
    X = torch.as_tensor(X, dtype=torch.float32)
    head = torch.nn.Linear(X.shape[1] + 1, 2)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.weight[0, -1] = 1e3
    features = torch.cat([X, 1e-4 * torch.as_tensor(scores, dtype=torch.float32)[:, None]], dim=1)
    return alframe.query("clustermargin", features=features, head=head, n=n, options=options, device="cpu")


@pytest.mark.parametrize("options", [{}, {"candidates": 1.25, "mean_size": 1.25}])
def test_the_picks_are_those_of_the_algorithm(problem, options):
    """Round after round one of each cluster that has another, clusters with fewest candidates first."""
    result = alframe.query("clustermargin", seed=3, options=options, **problem.query)
    n, k = min(problem.n, len(problem.X)), round(options.get("candidates", 10) * problem.n)
    draws = alframe.seeds.generator(3, 1, "select", "clustermargin")
    draws = generator(int(torch.randint(1 << 62, (), generator=draws)))
    rows = torch.tensor(np.concatenate([problem.X, problem.XL]), dtype=torch.float32)
    clusters = find_clusters(rows, options.get("mean_size", 10.0), 20_000, draws)[: len(problem.X)].numpy()
    picks = result.indices.numpy()
    assert len(set(picks)) == n
    margin = margins(problem)
    worst = np.sort(margin)[min(k, len(margin)) - 1]
    assert (margin[picks] <= worst + 1e-6).all()
    if (abs(np.sort(margin) - worst) < 1e-5).sum() > 1:
        return  # which of equals are candidates is drawn
    sizes = np.bincount(clusters[margin <= worst + 1e-6])
    turns, taken = [], np.zeros_like(sizes)
    for cluster in clusters[picks]:
        turns.append((taken[cluster], sizes[cluster]))
        taken[cluster] += 1
    assert turns == sorted((turn, size) for size in sizes for turn in range(size))[:n]


def test_groups_of_three_one_and_two():
    clusters = torch.tensor([7, 7, 9, 7, 8, 9])
    picks = in_turn(clusters, 4, generator())
    assert clusters[picks].tolist() == [8, 9, 7, 9]
    every = in_turn(clusters, 10, generator())
    assert clusters[every].tolist() == [8, 9, 7, 9, 7, 7]
    assert sorted(every.tolist()) == list(range(6))


def test_size_is_that_among_the_candidates_and_not_in_all():
    """Trap: the cluster with most samples has the fewest candidates, so it comes first."""
    X, of = blobs([40, 20, 6])
    scores = np.full(66, 50.0)
    scores[[0, 40, 41, 60, 61, 62]] = np.linspace(0, 1, 6)
    picks = ask(X, scores, 3, candidates=2.0, mean_size=22.0).indices
    assert of[picks].tolist() == [0, 1, 2]


def test_sizes_are_sorted_and_not_their_places():
    """Trap: the places that sorting gives, read as if they were sizes, are another order."""
    sizes = [3, 1, 4, 2]
    clusters = torch.arange(4).repeat_interleave(torch.tensor(sizes))
    assert clusters[in_turn(clusters, 4, generator())].tolist() == [1, 3, 0, 2]


def test_the_least_certain_are_candidates():
    """Trap: a stack whose end is popped gives the most certain."""
    X, _ = blobs([20, 20])
    scores = torch.arange(40.0)
    assert ask(X, scores, 5, candidates=1.0, mean_size=20.0).indices.max() < 5


def test_clusters_of_one_give_the_smallest_margins(make):
    problem = make()
    options = {"mean_size": 1.0, "candidates": 1.0}
    result = alframe.query("clustermargin", options=options, **problem.query)
    assert set(result.indices.tolist()) == set(margins(problem).argsort()[:20].tolist())
    assert result.logged["clustermargin"]["clusters"] == 20


def test_which_of_a_cluster_is_drawn():
    clusters = torch.zeros(5, dtype=torch.int64)
    assert len({int(in_turn(clusters, 1, generator(seed))) for seed in range(40)}) == 5


def test_clusters_are_found_once_and_kept_by_position():
    """Trap: numbers of rows in a pool that has become smaller since."""
    X, of = blobs([30, 10, 20])
    options = Options(mean_size=20.0)
    state = {}

    def picks(at, labelled_at):
        model = alframe.Classifier(torch.nn.Identity(), torch.nn.Linear(8, 2)).eval()
        rows = [NetworkRows(model, Samples(X, X.device), i, 0) for i in (at, labelled_at)]
        ctx = alframe.Context(1, 2, X.device, generator(5), model, state)
        labelled = alframe.LabelledView(rows[1], labelled_at % 2)
        return at[alframe_select(alframe.PoolView(rows[0]), labelled, None, 3, options, ctx)]

    first = picks(torch.arange(10, 60), torch.arange(10))
    known = state["clusters"].clone()
    assert sorted(of[first].tolist()) == [0, 1, 2]
    X.copy_(X.flip(0))  # other features of the same samples: what was found stays
    second = picks(torch.arange(20, 55), torch.cat([torch.arange(20), torch.arange(55, 60)]))
    assert sorted(of[second].tolist()) == [0, 1, 2]
    assert torch.equal(state["clusters"], known)


def test_a_position_keeps_its_cluster():
    state = {"clusters": torch.tensor([5, 6, -1, 7])}
    assert clusters_at(torch.tensor([3, 0]), state).tolist() == [7, 5]
    assert clusters_at(torch.tensor([2, 0]), state) is None
    assert clusters_at(torch.tensor([4]), state) is None
    assert clusters_at(torch.tensor([0]), {}) is None


def test_above_the_limit_others_join_the_nearest_centre():
    X, of = blobs([60, 90, 50, 100])
    clusters = find_clusters(X, 75.0, 40, generator())
    assert len(set(zip(of.tolist(), clusters.tolist(), strict=True))) == 4
    assert clusters.max() == 3
    assert len(find_clusters(X, 2.0, 40, generator()).unique()) == 40  # no more than rows that were clustered


@pytest.mark.parametrize("limit", [20_000, 100])
def test_permuting_the_rows_permutes_the_answer(limit, make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    query = problem.query | {"options": {"cluster_limit": limit, "candidates": 3.0}}
    first, moved = (
        alframe.query("clustermargin", **(query | {"features": X})) for X in (problem.X, problem.X[order])
    )
    assert order[moved.indices].tolist() == first.indices.tolist()


def test_identical_samples_and_a_whole_pool(make):
    problem = make(identical=True, N=40, n=40)
    result = alframe.query("clustermargin", **problem.query)
    assert sorted(result.indices.tolist()) == list(range(40))
    assert result.topped_up == 0


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "clustermargin"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


@pytest.mark.parametrize("options", [{"candidates": 0.5}, {"mean_size": 0.0}, {"cluster_limit": 0}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'clustermargin'"):
        alframe.query("clustermargin", options=options, **make().query)
