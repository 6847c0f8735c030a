import pytest
import torch

from alframe import UsageError
from alframe_networks._networks import lenet, mlp


def test_mlp():
    model = mlp(784, 32, 10)
    x = torch.randn(3, 1, 28, 28)
    assert model.features(x).shape == (3, 32)
    assert (model.features(x) >= 0).all()
    assert model(x).shape == (3, 10)
    assert isinstance(model.head, torch.nn.Linear)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 12, 12), (3, 20, 40)])
def test_lenet(shape):
    model = lenet(shape, 10)
    x = torch.randn(2, *shape)
    assert model.features(x).shape == (2, 500)
    assert model(x).shape == (2, 10)


def test_lenets_logits_are_not_rectified():
    torch.manual_seed(0)
    logits = lenet((1, 28, 28), 10)(torch.randn(20, 1, 28, 28))
    assert (logits < 0).any()


@pytest.mark.parametrize("shape", [(1, 8, 8), (784,), (28, 28)])
def test_lenet_refuses_what_is_no_image(shape):
    with pytest.raises(UsageError, match="lenet takes images"):
        lenet(shape, 10)


def test_dropout_sits_between_features_and_head():
    model = mlp(4, 50, 2, dropout=0.5)
    x = torch.ones(1, 4)
    assert torch.equal(model.features(x), model.features(x))
    assert not torch.equal(model(x), model(x))
