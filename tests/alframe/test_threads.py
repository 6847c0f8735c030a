import pytest
import torch
from torch import nn

from alframe import ActiveLearner, Recipe
from alframe.threads import SMALL_STEP, step_operations, threads_for_training


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_operations_of_a_step():
    """A product of b x 3 and 3 x 5 is 2 * 15 b operations, and the backward pass twice as much."""
    assert step_operations(nn.Linear(3, 5), torch.zeros(1, 3), batch_size=7) == 3 * 7 * 2 * 15


def test_a_convolution_counts_every_position():
    network = nn.Conv2d(1, 2, 3, padding=1)
    assert step_operations(network, torch.zeros(1, 1, 8, 8), batch_size=1) == 3 * 2 * 2 * 9 * 64


def test_one_thread_for_a_small_network_and_all_for_a_large_one(two_threads):
    side = int(SMALL_STEP**0.5)
    for network, threads in ((nn.Linear(2, 2), 1), (nn.Linear(side, 1), 1), (nn.Linear(side, 100), 2)):
        x = torch.zeros(1, network.in_features)
        with threads_for_training(network, x, batch_size=side // 7):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 2


def test_threads_come_back_when_training_fails(two_threads):
    with (
        pytest.raises(ValueError, match="diverged"),
        threads_for_training(nn.Linear(2, 2), torch.zeros(1, 2), 1),
    ):
        raise ValueError("diverged")
    assert torch.get_num_threads() == 2


def test_looking_at_the_network_draws_nothing_and_moves_no_statistics():
    network = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout())
    state, kept = torch.get_rng_state(), {name: value.clone() for name, value in network.state_dict().items()}
    step_operations(network, torch.ones(1, 2), 4)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


def test_the_default_trainer_takes_one(two_threads, toy, monkeypatch):
    seen = []
    monkeypatch.setattr(nn.Linear, "forward", watched(nn.Linear.forward, seen))
    learner = ActiveLearner(toy, "mlp", "random", recipe=Recipe(epochs=2))
    learner.fit()
    assert 1 in seen
    assert torch.get_num_threads() == 2


def watched(forward, seen):
    def call(layer, x):
        if layer.training:
            seen.append(torch.get_num_threads())
        return forward(layer, x)

    return call
