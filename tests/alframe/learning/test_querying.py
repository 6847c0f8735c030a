import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(60, 8)), RNG.normal(size=(3, 8)), RNG.normal(size=3)
XL, YL = RNG.normal(size=(12, 8)), np.arange(12) % 3


def ask(strategy="margin", **changes):
    arguments = {
        "features": X,
        "head": (W, B),
        "n": 7,
        "labelled_features": XL,
        "labelled_targets": YL,
        "device": "cpu",
    }
    return alframe.query(strategy, **(arguments | changes))


@pytest.mark.parametrize("strategy", ["random", "entropy", "margin", "least-confidence", "alfamix"])
def test_every_strategy_answers(strategy):
    result = ask(strategy)
    assert result.indices.dtype == torch.int64
    assert len(result.indices.unique()) == 7
    assert result.topped_up >= 0
    assert result.seconds > 0
    assert (result.scores is None) == (strategy == "random")


def test_margin_by_hand():
    logits = X @ W.T + B
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    first, second = np.sort(p)[:, -1], np.sort(p)[:, -2]
    result = ask("margin")
    np.testing.assert_allclose(result.scores, second - first, atol=1e-6)
    assert result.indices.tolist() == np.argsort(first - second)[:7].tolist()


def test_arrays_and_tensors_of_any_precision_give_the_same():
    wanted = ask().indices.tolist()
    assert ask(features=torch.from_numpy(X)).indices.tolist() == wanted
    assert (
        ask(features=X.astype(np.float32), head=(torch.tensor(W), torch.tensor(B))).indices.tolist() == wanted
    )
    linear = torch.nn.Linear(8, 3)
    linear.weight.data, linear.bias.data = torch.tensor(W).float(), torch.tensor(B).float()
    assert ask(head=linear).indices.tolist() == wanted


def test_a_head_without_bias():
    assert torch.equal(ask(head=(W, None)).indices, ask(head=(W, np.zeros(3))).indices)


def test_a_non_linear_head():
    torch.manual_seed(0)
    head = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    for strategy in ("entropy", "alfamix"):
        assert len(ask(strategy, head=head).indices) == 7


def test_the_input_is_left_as_it_was():
    features = torch.tensor(X, dtype=torch.float32)
    before = features.clone()
    ask("alfamix", features=features)
    assert torch.equal(features, before)


def test_seeds():
    assert torch.equal(ask("random", seed=1).indices, ask("random", seed=1).indices)
    assert not torch.equal(ask("random", seed=1).indices, ask("random", seed=2).indices)


def test_options_and_stages():
    assert ask("alfamix", options={"cap": 0.1}).scores is not None
    mixed = ask("margin", stages={"select": "alfamix"}, options={"alfamix": {"cap": 0.9}})
    assert len(mixed.indices) == 7
    assert mixed.logged["alfamix"]["candidates"] > 0


def test_random_needs_nothing_but_features():
    result = alframe.query("random", features=X, n=3)
    assert len(result.indices) == 3


def test_a_budget_above_the_pool_is_the_pool():
    assert sorted(ask(n=1000).indices.tolist()) == list(range(60))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"features": X[:0]}, "pool is empty"),
        ({"features": X[:, 0]}, r"features must be a matrix.*\[60\]"),
        ({"features": np.full((5, 8), np.nan)}, "features contain NaN"),
        ({"labelled_features": XL[:, :4]}, "features have 8 columns, labelled_features 4"),
        ({"labelled_targets": YL[:3]}, "12 labelled_features but 3 labelled_targets"),
        ({"labelled_targets": YL + 1}, r"labelled_targets must lie in 0..2"),
        ({"head": (W[:, :4], B)}, "the head takes 4"),
        ({"head": (W, B[:2])}, "bias must have 3 numbers"),
        ({"head": 3}, r"head must be \(W, b\)"),
        ({"head": None}, r"pass head=\(W, b\)"),
        ({"options": {"capp": 1}}, "unknown option of 'margin' 'capp'"),
        ({"stages": {"select": "entropy"}}, "no select stage"),
        ({"device": "gpu"}, "device 'gpu'"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(UsageError, match=message):
        ask(**changes)


def test_an_unknown_strategy():
    with pytest.raises(UsageError, match="Did you mean 'margin'"):
        ask("margn")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("strategy", ["random", "entropy", "margin", "least-confidence", "alfamix"])
def test_the_device_does_not_change_the_answer(strategy):
    on_cpu, on_cuda = ask(strategy), ask(strategy, device="cuda")
    if on_cpu.scores is not None:
        torch.testing.assert_close(on_cuda.scores, on_cpu.scores, rtol=1e-4, atol=1e-5)
    assert on_cuda.indices.device.type == "cpu"
    if strategy != "alfamix":  # k-means adds up in another order there
        assert torch.equal(on_cuda.indices, on_cpu.indices)
