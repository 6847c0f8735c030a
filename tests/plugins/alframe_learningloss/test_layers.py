import collections

import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe_learningloss._layers import layers_of, sizes_of
from alframe_networks._networks import cnn, lenet, linear, mlp

MLP3 = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 6), nn.Tanh())


class Tokens(nn.Module):
    """A body that gives a sequence of tokens to two blocks, and a part that gives no tensor."""

    def __init__(self):
        super().__init__()
        self.odd = nn.LSTM(4, 4, batch_first=True)
        self.blocks = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6), nn.LayerNorm(6))

    def forward(self, x):
        return self.blocks(self.odd(x)[0]).mean(dim=1)


@pytest.mark.parametrize(
    ("model", "shape", "layers", "sizes"),
    [
        (lambda: mlp(64, 16, 3), (1, 8, 8), ("2",), [16]),
        (lambda: linear(64, 3), (1, 8, 8), ("",), [64]),
        (lambda: Classifier(nn.Identity(), nn.Linear(4, 2)), (4,), ("",), [4]),
        (lambda: Classifier(MLP3, nn.Linear(6, 2)), (4,), ("2", "4"), [8, 6]),
        (
            lambda: Classifier(nn.Sequential(nn.Identity(), MLP3), nn.Linear(6, 2)),
            (4,),
            ("1.2", "1.4"),
            [8, 6],
        ),
        (lambda: cnn((1, 28, 28), 40, 3), (1, 28, 28), ("3", "7", "11", "14"), [32, 64, 128, 40]),
        (lambda: lenet((1, 28, 28), 3), (1, 28, 28), ("0.2", "0.5", "2"), [20, 50, 500]),
        (lambda: Classifier(Tokens(), nn.Linear(6, 2)), (9, 4), ("blocks.2",), [6]),
    ],
)
def test_the_last_part_of_each_stage(model, shape, layers, sizes):
    model, sample = model().eval(), torch.zeros(1, *shape)
    assert layers_of(model, sample) == layers
    assert sizes_of(model, layers, sample) == sizes
    assert not any(module._forward_hooks for module in model.modules())


def test_the_stages_of_a_resnet_within_a_body():
    """They are known by name; dense networks have a ``denselayer1``, which is none of them."""
    names = ["stem", "denselayer1", *(f"layer{number}" for number in range(1, 5)), "pool"]
    parts = [nn.Conv2d(3 if name == "stem" else 4, 4, 1) for name in names[:-1]]
    network = nn.Sequential(
        collections.OrderedDict(zip(names, [*parts, nn.AdaptiveAvgPool2d(1)], strict=True))
    )
    body = nn.Sequential(network, nn.Flatten(), nn.Linear(4, 8))
    model = Classifier(body, nn.Linear(8, 2)).eval()
    wanted = tuple(f"0.layer{number}" for number in range(1, 5))
    assert layers_of(model, torch.zeros(1, 3, 8, 8)) == wanted


def test_names_that_are_no_layer_are_one_line():
    with pytest.raises(UsageError, match="module of the network's body"):
        sizes_of(mlp(4, 8, 3), ["fc"], torch.zeros(1, 4))
    with pytest.raises(UsageError, match="'odd', which gives no tensor"):
        sizes_of(Classifier(Tokens(), nn.Linear(6, 2)), ["odd"], torch.zeros(1, 9, 4))
