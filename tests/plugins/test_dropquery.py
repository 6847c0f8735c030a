import numpy as np
import pytest
import torch
from torch import nn

import alframe
from alframe import UsageError
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe.ops import dropout_mask
from alframe_centroids.clusters import nearest_to_means, order_by_content
from alframe_dropquery import Options, alframe_select
from alframe_dropquery._dropquery import share_of_changes, with_most_changes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(W, b, dtype=torch.float64):
    head = nn.Linear(W.shape[1], len(W), dtype=dtype)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(W))
        head.bias.copy_(torch.tensor(b))
    return head


def masks_of(features, passes, rate, seed):
    """The masks that are drawn, ``passes x N x D``: all at once, and put where the rows stand."""
    draws = generator(seed)
    streams = [generator(int(torch.randint(1 << 62, (), generator=draws))) for _ in range(passes)]
    order = order_by_content(features, draws)
    masks = np.empty((passes, *features.shape))
    for mask, stream in zip(masks, streams, strict=True):
        mask[order] = dropout_mask(features, rate, stream)
    return masks


@pytest.mark.parametrize(("passes", "rate"), [(3, 0.75), (4, 0.5)])
def test_the_score_is_the_formula_in_float64(problem, passes, rate):
    features = torch.tensor(problem.X)
    shares = share_of_changes(linear(problem.W, problem.b), features, passes, rate, generator(7))
    label = (problem.X @ problem.W.T + problem.b).argmax(axis=1)
    changes = np.zeros(len(label))
    for mask in masks_of(features, passes, rate, 7):
        dropped = problem.X * mask / (1 - rate)
        changes += (dropped @ problem.W.T + problem.b).argmax(axis=1) != label
    np.testing.assert_allclose(shares, changes / passes)


def test_a_query_has_shares_of_three_passes(problem):
    result = alframe.query("dropquery", **problem.query)
    assert set((3 * result.scores).round().tolist()) <= {0, 1, 2, 3}
    torch.testing.assert_close(3 * result.scores, (3 * result.scores).round())
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    again = alframe.query("dropquery", **problem.query)
    assert torch.equal(result.indices, again.indices)
    assert torch.equal(result.scores, again.scores)


def test_the_picks_are_the_centres_of_the_candidates(make):
    problem = make(N=600, n=10)
    result = alframe.query("dropquery", seed=4, **problem.query)
    chosen = with_most_changes(result.scores, 10, 3, 25.0)
    assert result.logged["dropquery"]["candidates"] == len(chosen)
    draws = alframe.seeds.generator(4, 1, "select", "dropquery")
    features = torch.tensor(problem.X, dtype=torch.float32)
    picks = chosen[nearest_to_means(features[chosen], 10, draws)]
    assert sorted(result.indices.tolist()) == sorted(picks.tolist())
    scores = result.scores[result.indices]
    assert (scores.diff() <= 0).all()


def test_without_dropout_there_is_no_candidate(make):
    result = alframe.query("dropquery", options={"dropout": 0.0}, **make().query)
    assert (result.scores == 0).all()
    assert result.topped_up == 20
    assert result.logged["dropquery"]["candidates"] == 0


def sure_but_for(rows, N=200, D=32):
    """All features of a row speak for one class, but for some rows, of which half speak for each."""
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(N, D))
    X[:, 1::2] = 0
    X[rows, 1::2] = X[rows, ::2] * 0.99
    W = np.stack([np.arange(D) % 2 == 0, np.arange(D) % 2 == 1]).astype(float)
    return X, (W, np.array([0.01, 0.0]))


def test_what_is_uncertain_is_chosen_and_nothing_else():
    """As many candidates as the budget: all of them, whatever their features."""
    rows = [3, 50, 51, 120, 199]
    X, head = sure_but_for(rows)
    result = alframe.query("dropquery", features=X, head=head, n=5, options={"passes": 30}, device="cpu")
    assert sorted(result.indices.tolist()) == rows
    assert result.topped_up == 0


def test_fewer_candidates_than_the_budget_are_all_taken():
    X, head = sure_but_for([3, 50])
    result = alframe.query("dropquery", features=X, head=head, n=5, options={"passes": 30}, device="cpu")
    assert sorted(result.indices[:2].tolist()) == [3, 50]
    assert result.topped_up == 3
    assert len(result.indices.unique()) == 5


def test_fewer_changes_are_enough_where_candidates_are_few():
    shares = torch.tensor([0] * 50 + [1] * 30 + [2] * 15 + [3] * 5) / 3
    assert len(with_most_changes(shares, 1, 3, 20.0)) == 20
    assert len(with_most_changes(shares, 1, 3, 20.5)) == 50
    assert len(with_most_changes(shares, 100, 3, 25.0)) == 50
    assert len(with_most_changes(shares * 0, 1, 3, 25.0)) == 0
    tenths = torch.arange(11) / 10
    assert with_most_changes(tenths, 1, 10, 4.0).tolist() == [6, 7, 8, 9, 10]
    assert with_most_changes(tenths, 1, 10, 6.0).tolist() == [5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("passes", range(1, 40))
def test_rounding_makes_no_candidate(passes):
    """A share of t passes is not above t passes, whatever ``t / passes`` is in float32."""
    shares = torch.arange(passes + 1, dtype=torch.float32) * (1 / passes)
    assert with_most_changes(shares, 1, passes, 0.0).tolist() == list(range(passes // 2 + 1, passes + 1))


def test_a_network_without_dropout_will_do():
    """Trap: dropout is that of the strategy, on the features, and no layer of the network."""
    digits = alframe.load_dataset("digits")
    learner = alframe.ActiveLearner(digits.hide_labels(), "mlp", "dropquery", device="cpu")
    picks = learner.ask(50)
    learner.tell(picks, digits.targets[picks])
    learner.fit()
    assert not learner.model.dropout_layers()
    selection = learner.query(20)
    assert selection.scores.max() > 0
    assert len(selection.picks.unique()) == 20


def test_a_head_of_several_layers(make):
    problem = make()
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))
    result = alframe.query("dropquery", **(problem.query | {"head": head}))
    assert result.scores.max() > 0


def test_each_sample_has_masks_of_its_own():
    """Equal samples on a boundary don't all change together."""
    X, head = sure_but_for(range(200))
    X[:] = X[0]
    scores = alframe.query("dropquery", features=X, head=head, n=5, device="cpu").scores
    assert len(scores.unique()) == 4


def test_blocks_change_nothing(make, monkeypatch):
    problem = make(N=301, D=7)
    head, features = linear(problem.W, problem.b), torch.tensor(problem.X)
    wanted = share_of_changes(head, features, 3, 0.5, generator())
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 30)
    assert torch.equal(share_of_changes(head, features, 3, 0.5, generator()), wanted)


def test_a_sample_has_its_masks_wherever_it_stands(make):
    problem = make(N=300)
    order = np.random.default_rng(1).permutation(300)
    first, moved = (
        alframe.query("dropquery", **(problem.query | {"features": X})) for X in (problem.X, problem.X[order])
    )
    assert torch.equal(first.scores[order], moved.scores)
    assert order[moved.indices].tolist() == first.indices.tolist()


def test_without_a_scorer_all_are_candidates(make):
    problem = make()
    result = alframe.query("random", stages={"select": "dropquery"}, **problem.query)
    assert result.logged["dropquery"]["candidates"] == len(problem.X)
    assert result.topped_up == 0


def test_dropout_is_on_the_networks_features_and_clusters_on_fixed_ones(make):
    """The head takes its own network's features; which candidates are alike another one may say."""
    X = torch.as_tensor(make().X, dtype=torch.float32)
    fixed = torch.randn(len(X), 4, generator=generator(5))
    model = alframe.Classifier(torch.nn.Identity(), torch.nn.Linear(X.shape[1], 3)).eval()
    rows = NetworkRows(model, Samples(X, X.device), torch.arange(len(X)), 0, fixed=fixed)
    ctx = alframe.Context(1, 3, X.device, generator(5), model)
    picks = alframe_select(alframe.PoolView(rows), None, 7, Options(), ctx)
    assert picks.tolist() == nearest_to_means(fixed, 7, generator(5)).tolist()
    assert picks.tolist() != nearest_to_means(X, 7, generator(5)).tolist()


def test_scores_of_minus_infinity_are_never_picked(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "dropquery"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_identical_samples_still_give_the_budget(make):
    X, head = sure_but_for(range(60), N=60)
    X[:] = X[0]
    options = {"passes": 10, "oversampling": 0}
    result = alframe.query("dropquery", features=X, head=head, n=12, options=options, device="cpu")
    assert len(result.indices.unique()) == 12
    assert result.topped_up == 0


def test_features_without_a_head_are_told_what_is_missing(make):
    with pytest.raises(UsageError, match=r"dropquery needs a head: pass head=\(W, b\)"):
        alframe.query("dropquery", features=make().X, n=5, device="cpu")


@pytest.mark.parametrize(
    "options", [{"passes": 0}, {"dropout": 1.0}, {"dropout": -0.1}, {"oversampling": -1}]
)
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'dropquery'"):
        alframe.query("dropquery", options=options, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_shares_are_alike(make):
    """Other masks, the same law: the mean share of 2,000 samples."""
    query = make(N=2000).query | {"options": {"passes": 10}}
    on_cpu, on_cuda = (alframe.query("dropquery", **(query | {"device": d})) for d in ("cpu", "cuda"))
    assert abs(on_cpu.scores.mean() - on_cuda.scores.mean()) < 0.03
    assert len(on_cuda.indices.unique()) == 20
