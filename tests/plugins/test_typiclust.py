import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alframe
from alframe import UsageError
from alframe.ops import kmeans
from alframe_centroids.clusters import order_by_content, unit_rows
from alframe_typiclust import Options, _typiclust
from alframe_typiclust._typiclust import clusters_in_turn, most_typical, most_typical_in_turn

DEFAULTS = Options()
TOLERANCE = 2e-3  # of distances between unit-length rows in float32


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def mean_distances(x, options=DEFAULTS):
    """One over the typicality of each of ``q`` rows: the mean distance to its ``min(20, q // 2)`` nearest."""
    distances = cdist(x, x, "sqeuclidean" if options.squared else "euclidean")
    k = min(options.neighbours, len(x) // 2)
    own = [np.sort(np.delete(row, place))[:k].mean() if k else 0.0 for place, row in enumerate(distances)]
    return np.array(own)


def turns_of(labels, is_labelled, n, min_cluster=5):
    """Sizes, labels and turns as the method has them; a list of equally good clusters for each turn."""
    clusters = np.unique(labels)
    key = {c: (is_labelled[labels == c].sum(), -(labels == c).sum()) for c in clusters}
    left = {c: (~is_labelled[labels == c]).sum() for c in clusters}
    turns = []
    for small in (False, True):
        waiting = [c for c in clusters if ((labels == c).sum() <= min_cluster) == small]
        waiting.sort(key=key.get)
        while any(left[c] for c in waiting) and len(turns) < n:
            waiting = [c for c in waiting if left[c]]
            for c in waiting:
                left[c] -= 1
            turns += [key[c] for c in waiting]
    return key, turns[:n]


def assert_is_the_method(picks, x, labels, is_labelled, n, options=DEFAULTS, tolerance=1e-9):
    """As a plain loop over the picks would have them; what is equally good may be taken."""
    key, turns = turns_of(labels, is_labelled, n, options.min_cluster)
    assert [key[labels[pick]] for pick in picks] == turns
    taken = is_labelled.copy()
    for pick in picks:
        assert not taken[pick]
        rest = np.flatnonzero((labels == labels[pick]) & ~taken)
        means = mean_distances(x[rest], options)
        assert means[rest == pick][0] <= means.min() + tolerance
        taken[pick] = True
    assert len(picks) == n


def in_turn(x, labels, is_labelled, n, options=DEFAULTS, seed=0):
    return most_typical_in_turn(
        torch.as_tensor(x),
        torch.as_tensor(labels),
        torch.as_tensor(~is_labelled),
        n,
        options,
        generator(seed),
    ).tolist()


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_the_method_in_float64(problem, squared, dtype):
    """From the clusters on; a cluster is visited several times, small ones are last."""
    x = np.concatenate([problem.X, problem.XL])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    is_labelled = np.arange(len(x)) >= len(problem.X)
    n = min(problem.n, len(problem.X))
    labels = kmeans(torch.tensor(x), min(len(x), 8), generator()).labels.numpy()
    options = Options(neighbours=4, squared=squared)
    picks = in_turn(x.astype(dtype), labels, is_labelled, n, options)
    tolerance = 1e-9 if dtype == np.float64 else TOLERANCE
    assert_is_the_method(picks, x, labels, is_labelled, n, options, tolerance)


@pytest.mark.parametrize("L", [0, 20])
def test_a_query_is_the_method(L, make):
    problem = make(N=300, L=20)
    query = {"features": problem.X, "n": 25, "device": "cpu", "seed": 3}
    if L:
        query |= {"labelled_features": problem.XL, "labelled_targets": problem.yL}
    picks = alframe.query("typiclust", **query).indices.tolist()
    x = np.concatenate([problem.X, problem.XL[:L]]).astype(np.float32)
    draws = alframe.seeds.generator(3, int(L > 0), "select", "typiclust")
    order = order_by_content(torch.tensor(x), draws)
    labels = np.empty(len(x), dtype=int)
    labels[order] = kmeans(unit_rows(torch.tensor(x), order), L + 25, draws).labels
    x = x.astype(float) / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    assert_is_the_method(picks, x, labels, np.arange(len(x)) >= 300, 25, tolerance=TOLERANCE)


def test_distances_and_not_their_squares():
    """Two nearest at 0.1 and 2.0, or both at 1.1: the authors' program has squares, the paper has not."""
    x = torch.tensor([[0.0], [0.1], [-2.0], [100.0], [101.1], [98.9]], dtype=torch.float64)
    assert most_typical(x, 1, 2, False, generator()).tolist() == [0]
    assert most_typical(x, 1, 2, True, generator()).tolist() == [3]


def blobs(sizes, D=8, seed=0, spread=0.05):
    """Tight blobs around directions at right angles."""
    rng = np.random.default_rng(seed)
    y = np.arange(len(sizes)).repeat(sizes)
    return y, np.eye(len(sizes), D)[y] + spread * rng.normal(size=(len(y), D))


def test_one_of_each_blob_the_largest_first():
    y, X = blobs([40, 10, 25, 60, 15])
    picks = alframe.query("typiclust", features=X, n=5, device="cpu").indices
    assert y[picks].tolist() == [3, 0, 2, 4, 1]


def test_a_blob_with_a_label_is_last():
    y, X = blobs([40, 20, 30, 50])
    labelled = {"labelled_features": X[-1:], "labelled_targets": [3], "num_classes": 4}
    options = {"max_clusters": 4}
    picks = alframe.query(
        "typiclust", features=X[:-1], n=4, options=options, device="cpu", **labelled
    ).indices
    assert y[picks].tolist() == [0, 2, 1, 3]


def test_more_picks_than_clusters_go_round():
    y, X = blobs([40, 20, 30])
    picks = alframe.query("typiclust", features=X, n=8, options={"max_clusters": 3}, device="cpu").indices
    assert y[picks].tolist() == [0, 2, 1, 0, 2, 1, 0, 2]
    assert len(picks.unique()) == 8


def test_a_cluster_that_is_exhausted_is_passed_over():
    """Trap: published code takes the best of no sample, and crashes."""
    labels = np.array([0] * 7 + [1] * 20)
    x = np.random.default_rng(0).normal(size=(27, 3))
    is_labelled = np.zeros(27, dtype=bool)
    is_labelled[[0, 1, 7, 8]] = True
    picks = in_turn(x, labels, is_labelled, 23)
    assert labels[picks].tolist() == [1, 0] * 5 + [1] * 13
    assert sorted(picks) == np.flatnonzero(~is_labelled).tolist()


def test_small_clusters_are_last_and_not_lost():
    """Trap: with small clusters left out for good, a small pool has none at all."""
    assert clusters_in_turn([3, 9, 5, 6], [3, 9, 5, 6], 20, 5, generator())[:12:2] == [1] * 6
    assert clusters_in_turn([3, 9, 5, 6], [3, 9, 5, 6], 23, 5, generator())[15:] == [2, 0, 2, 0, 2, 0, 2, 2]
    assert clusters_in_turn([2, 3], [2, 1], 3, 5, generator()) == [0, 1, 0]
    assert clusters_in_turn([2, 3], [0, 0], 3, 5, generator()) == []


def test_one_member_and_two():
    """Trap: half of one is none, and the mean of no distance is NaN."""
    x = torch.tensor([[1.0, 0.0]])
    assert most_typical(x, 1, 20, False, generator()).tolist() == [0]
    assert sorted(most_typical(torch.eye(2), 2, 20, False, generator()).tolist()) == [0, 1]
    labels, is_labelled = np.array([0, 1, 1, 2]), np.array([False, False, False, True])
    assert sorted(in_turn(np.eye(4), labels, is_labelled, 3)) == [0, 1, 2]


def test_a_row_is_no_neighbour_of_itself():
    """Trap: the first neighbour that a search finds is the row itself, at distance 0."""
    x = torch.tensor([[0.0], [0.1], [5.1], [50.0], [51.0], [49.0]], dtype=torch.float64)
    assert most_typical(x, 1, 2, False, generator()).tolist() == [3]


def test_a_copy_of_a_row_is_a_neighbour():
    """Trap: where the nearest at distance 0 are left out, a row's copies are, too."""
    x = torch.tensor([[0.0], [0.0], [3.0], [50.0], [52.0], [48.0]], dtype=torch.float64)
    assert most_typical(x, 1, 2, False, generator()).item() in (0, 1)
    copies = torch.tensor([[0.0]] * 3 + [[50.0], [50.1], [49.9]], dtype=torch.float64)
    assert most_typical(copies, 1, 2, False, generator()).item() in (0, 1, 2)


def test_neighbours_are_of_the_same_cluster():
    """Trap: searched for in the whole pool, they make a row at the border of a dense cluster typical."""
    x = np.array([[0.0], [4.0], [5.0], [6.0], [0.01], [0.02], [0.03], [0.04]])
    labels, is_labelled = np.array([0] * 4 + [1] * 4), np.zeros(8, dtype=bool)
    picks = in_turn(x, labels, is_labelled, 2, Options(min_cluster=0, neighbours=2))
    assert 2 in picks
    assert 0 not in picks


def test_labelled_members_and_picks_are_no_neighbours():
    """Typicality is measured among those that are left, so what is near a pick is typical no longer."""
    x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.4], [5.8]], dtype=torch.float64)
    assert most_typical(x, 2, 2, False, generator()).tolist() == [1, 4]


def test_no_sample_is_taken_twice():
    _, X = blobs([30, 30])
    picks = alframe.query("typiclust", features=X, n=60, options={"max_clusters": 2}, device="cpu").indices
    assert sorted(picks.tolist()) == list(range(60))


def test_high_budgets_keep_to_the_method(make):
    """Trap: with more labels than clusters another program draws at random, and is no TypiClust any more."""
    problem = make(N=200, L=100)
    query = problem.query | {"n": 40}
    result = alframe.query("typiclust", options={"max_clusters": 20}, **query)
    assert result.logged["typiclust"]["clusters"] == 20
    assert result.topped_up == 0
    assert len(result.indices.unique()) == 40


def test_identical_samples_and_the_seed():
    answers = []
    for seed in (0, 0, 1):
        picks = alframe.query("typiclust", features=np.ones((60, 3)), n=20, seed=seed, device="cpu").indices
        assert len(picks.unique()) == 20
        answers.append(picks.tolist())
    assert answers[0] == answers[1] != answers[2]


def test_the_seed_decides_the_clusters_and_repeats_them(make):
    """Trap: k-means without a seed."""
    X = make(N=300).X
    first, again, other = (
        alframe.query("typiclust", features=X, n=20, seed=s, device="cpu").indices.tolist() for s in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("L", [0, 30])
def test_permuting_the_rows_permutes_the_answer(L, make):
    problem = make(N=400, L=30)
    order = np.random.default_rng(5).permutation(400)
    labelled = {"labelled_features": problem.XL[:L], "labelled_targets": problem.yL[:L], "num_classes": 5}
    picks = alframe.query("typiclust", features=problem.X, n=15, device="cpu", **labelled).indices
    moved = alframe.query("typiclust", features=problem.X[order], n=15, device="cpu", **labelled).indices
    assert order[moved].tolist() == picks.tolist()


def test_picks_do_not_depend_on_blocks(monkeypatch):
    x = torch.randn(150, 6, generator=generator(), dtype=torch.float64)
    wanted = most_typical(x, 100, 5, False, generator(1)).tolist()
    monkeypatch.setattr(_typiclust, "MOST_AT_ONCE", 3)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 1000)
    assert most_typical(x, 100, 5, False, generator(1)).tolist() == wanted


def test_equals_are_equally_likely():
    """The corners of a square are alike: 400 seeds, within five standard deviations."""
    x = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]], dtype=torch.float64)
    counts = torch.zeros(4)
    for seed in range(400):
        counts[most_typical(x, 1, 1, False, generator(seed))] += 1
    assert (counts - 100).abs().max() < 5 * (400 * 0.25 * 0.75) ** 0.5


def test_no_labels_and_no_head_are_needed(make):
    result = alframe.query("typiclust", features=make().X, n=20, device="cpu")
    assert len(result.indices.unique()) == 20
    assert result.topped_up == 0


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()

    def alframe_score(pool):
        return torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)

    registry.register(make_plugin(alframe_score=alframe_score), "tenth")
    registry.register(make_plugin(alframe_score=lambda pool: torch.full((len(pool),), -torch.inf)), "never")
    result = alframe.query("tenth", stages={"select": "typiclust"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5
    result = alframe.query("never", stages={"select": "typiclust"}, registry=registry, **make().query)
    assert result.topped_up == 20


@pytest.mark.parametrize("options", [{"neighbours": 0}, {"max_clusters": 0}, {"min_cluster": -1}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'typiclust'"):
        alframe.query("typiclust", options=options, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_the_most_typical_are_the_same():
    x = torch.randn(3000, 16, generator=generator())
    on_cpu, on_cuda = (most_typical(x.to(d), 200, 20, False, generator(1)).tolist() for d in ("cpu", "cuda"))
    assert on_cpu == on_cuda
    y, X = blobs([40, 10, 25, 60, 15])
    picks = alframe.query("typiclust", features=X, n=5, device="cuda").indices
    assert y[picks].tolist() == [3, 0, 2, 4, 1]
