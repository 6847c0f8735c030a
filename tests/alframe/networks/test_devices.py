import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.networks.devices import on_device, resolve_device


def test_resolve_device():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x", "meta", None, 1.5])
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
