import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.models import dropout_modules, initial_state, resolve_device


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
