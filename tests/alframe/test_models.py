import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.models import dropout_modules, initial_state, on_device, resolve_device, same_state


def test_forward_is_head_of_features(linear_model):
    x = torch.randn(4, 3)
    torch.testing.assert_close(linear_model(x), linear_model.head(linear_model.features(x)))


def test_dropout_stands_between_features_and_head():
    model = Classifier(nn.Identity(), nn.Linear(50, 2), dropout=0.5)
    x = torch.ones(1, 50)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.features(x), x)
    model.eval()
    assert torch.equal(model(x), model(x))


def test_dropout_modules_leaves_out_a_rate_of_zero():
    layers = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.1), nn.Dropout2d(0.2), nn.ReLU())
    assert [layer.p for layer in dropout_modules(layers)] == [0.1, 0.2]


def test_initial_state_is_a_copy(linear_model):
    state = initial_state(linear_model)
    with torch.no_grad():
        linear_model.head.weight.zero_()
    assert state["head.weight"].sum() == 3


def test_resolve_device():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x"])
def test_devices_that_are_not_there(name):
    with pytest.raises(UsageError, match=f"device '{name}' can't be used"):
        resolve_device(name)


def test_convolutions_are_in_channels_last_layout_and_compute_the_same():
    torch.manual_seed(0)
    model = Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), nn.Linear(16, 2))
    x = torch.randn(2, 3, 4, 4)
    before = model(x)
    moved = on_device(model, torch.device("cpu"))
    assert moved.body[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model(x).shape == before.shape
    torch.testing.assert_close(moved(x), before)


def test_volumes_keep_their_layout():
    model = Classifier(nn.Sequential(nn.Conv3d(1, 2, 1), nn.Flatten()), nn.Linear(16, 2))
    assert on_device(model, torch.device("cpu"))(torch.zeros(1, 1, 2, 2, 2)).shape == (1, 2)


def test_the_same_state_is_the_same_bit_for_bit(linear_model):
    state = initial_state(linear_model)
    assert same_state(linear_model, state)
    assert same_state(linear_model.head, state, "head.")
    with torch.no_grad():
        linear_model.head.bias[0] += 1e-7
    assert not same_state(linear_model.head, state, "head.")
