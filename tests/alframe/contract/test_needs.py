import pytest
import torch
from torch import nn

from alframe import Classifier
from alframe.contract.needs import NEEDS


def network(rate):
    return Classifier(nn.Identity(), nn.Linear(3, 2), dropout=rate)


@pytest.mark.parametrize(
    ("need", "rate", "dtype", "lacking"),
    [
        ("dropout", 0.5, torch.uint8, ""),
        (
            "dropout",
            0.0,
            torch.float32,
            "a network with dropout: one with a Dropout layer whose rate is above 0",
        ),
        ("network", 0.0, torch.float32, ""),
        ("network", 0.0, torch.int64, "inputs that a gradient can change, and these are int64"),
    ],
)
def test_what_is_lacking(need, rate, dtype, lacking):
    found = NEEDS[need].lacking(network(rate), torch.zeros(1, 3, dtype=dtype))
    assert found.startswith(lacking)
    assert bool(found) is bool(lacking)


def test_each_has_words():
    assert all(need.words for need in NEEDS.values())
