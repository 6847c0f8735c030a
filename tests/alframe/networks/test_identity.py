import pytest
import torch
from torch import nn

from alframe import Classifier
from alframe.networks.identity import differ_by_rounding, identify


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = nn.Sequential(nn.Linear(12, 30), nn.BatchNorm1d(30), nn.ReLU())
        return Classifier(body, nn.Linear(30, 3))


def changed(change, seed=0):
    model = network(seed)
    with torch.no_grad():
        change(model)
    return identify(model)


def test_the_same_network():
    assert identify(network()) == identify(network())
    assert differ_by_rounding(identify(network()), identify(network()))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.head.weight.copy_(model.head.weight.flip(0)),
        lambda model: model.head.weight.mul_(1.001),
        lambda model: model.body[0].bias.zero_(),
        lambda model: model.body[1].running_mean.add_(0.01),
        lambda model: model.load_state_dict(network(1).state_dict()),
    ],
    ids=["turned", "a thousandth", "a bias", "a buffer", "another seed"],
)
def test_other_weights(change):
    other = changed(change)
    assert other["initial"] != identify(network())["initial"]
    assert not differ_by_rounding(other, identify(network()))


def test_last_digits():
    other = changed(lambda model: model.body[0].weight.mul_(1 + 2e-7))
    assert other["initial"] != identify(network())["initial"]
    assert differ_by_rounding(other, identify(network()))


@pytest.mark.parametrize("sketch", ["", "1 2", "x " * 18, "nan " * 18])
def test_a_sketch_from_a_file_that_was_edited(sketch):
    assert not differ_by_rounding({"sketch": sketch}, identify(network()))
