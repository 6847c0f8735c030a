import pytest
import torch
from torch import nn

import alframe
from alframe import ActiveLearner, Recipe
from alframe.defaults import threads as module
from alframe.defaults.threads import SHARE, step_operations, threads_for_training
from alframe.learning.loading import build_model
from alframe.registry.registry import installed


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_operations_of_a_step():
    """A product of b x 3 and 3 x 5 is 2 * 15 b operations, and the backward pass twice as much."""
    assert step_operations(nn.Linear(3, 5), torch.zeros(1, 3), batch_size=7) == 3 * 7 * 2 * 15


def test_a_convolution_counts_every_position():
    network = nn.Conv2d(1, 2, 3, padding=1)
    assert step_operations(network, torch.zeros(1, 1, 8, 8), batch_size=1) == 3 * 2 * 2 * 9 * 64


@pytest.mark.parametrize("name", ["mlp", "lenet", "cnn"])
def test_a_chain_of_layers_counts_as_by_torch(name, monkeypatch):
    x = torch.zeros(2, 1, 12, 12)
    data = alframe.Dataset("toy", x, torch.tensor([0, 1]), num_classes=2)
    model, x = build_model(installed(), name, data, {}, seed=0), x[:1]
    counted = step_operations(model, x, batch_size=4)
    monkeypatch.setattr(module, "PRODUCTS", ())
    assert counted == step_operations(model, x, batch_size=4) > 0


def test_what_is_no_chain_is_counted_by_torch():
    class Twice(nn.Linear):
        def forward(self, x):
            return super().forward(super().forward(x))

    class Skipping(alframe.Classifier):
        def forward(self, x):
            return self.head(x)

    assert step_operations(nn.Sequential(Twice(3, 3)), torch.zeros(1, 3), 1) == 2 * 3 * 2 * 9
    model = Skipping(nn.Linear(3, 3), nn.Linear(3, 2))
    assert step_operations(model, torch.zeros(1, 3), 1) == 3 * 2 * 6


def test_a_chain_is_counted_without_torchs_compiler(forks):
    code = (
        "import sys, torch; from torch import nn; from alframe.defaults.threads import step_operations;"
        "step_operations(nn.Linear(3, 5), torch.zeros(1, 3), 7); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert forks.run(code).returncode == 0


def test_a_thread_for_each_share_of_a_step_and_at_most_all(three_threads):
    """A linear layer of 100 x 100 takes 60,000 operations for each sample of a batch."""
    network, x, share = nn.Linear(100, 100), torch.zeros(1, 100), SHARE / 60_000
    for shares, threads in ((0.01, 1), (1.5, 1), (2.5, 2), (3.5, 3), (100, 3)):
        with threads_for_training(network, x, int(shares * share)):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 3


def test_threads_come_back_when_training_fails(three_threads):
    with (
        pytest.raises(ValueError, match="diverged"),
        threads_for_training(nn.Linear(2, 2), torch.zeros(1, 2), 1),
    ):
        raise ValueError("diverged")
    assert torch.get_num_threads() == 3


def test_looking_at_the_network_draws_nothing_and_moves_no_statistics():
    network = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout())
    state, kept = torch.get_rng_state(), {name: value.clone() for name, value in network.state_dict().items()}
    step_operations(network, torch.ones(1, 2), 4)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


def test_the_default_trainer_takes_one_for_a_small_network(three_threads, toy, monkeypatch):
    seen = []
    monkeypatch.setattr(nn.Linear, "forward", watched(nn.Linear.forward, seen))
    learner = ActiveLearner(toy, "mlp", "random", recipe=Recipe(epochs=2))
    learner.fit()
    assert set(seen) == {1}
    assert torch.get_num_threads() == 3


def watched(forward, seen):
    def call(layer, x):
        if layer.training:
            seen.append(torch.get_num_threads())
        return forward(layer, x)

    return call
