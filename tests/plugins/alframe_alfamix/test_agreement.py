import pytest
import torch

from alframe_alfamix._agreement import MULTIPLIERS, Agreements


def literally(features, anchors):
    """Every pair of a column and a value other than 0 that a sample and an anchor have in common."""
    same = {
        (column, float(value)): [float(anchor[column]) == float(value) for anchor in anchors]
        for row in features
        for column, value in enumerate(row)
        if value != 0
    }
    return {pair: agree for pair, agree in same.items() if any(agree)}


def found(features, anchors):
    columns, values, agree = Agreements(anchors).among(features)
    assert columns.shape == values.shape == agree.shape[1:]
    pairs = {
        (int(column), float(value)): anchor.tolist()
        for column, value, anchor in zip(columns, values, agree.T, strict=True)
    }
    assert len(pairs) == len(columns)
    return pairs


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("digits", [0, 1, 2, 9])
def test_finds_every_common_value(digits, dtype):
    g = torch.Generator().manual_seed(digits)
    features, anchors = (
        torch.randn(n, 7, generator=g, dtype=torch.float64).round(decimals=digits).to(dtype) for n in (60, 9)
    )
    anchors[0, :2] = features[3, :2]
    wanted = literally(features, anchors)
    assert wanted
    assert found(features, anchors) == wanted


def test_an_anchor_whose_hash_is_that_of_zero():
    """The zeros of the samples pass the first table there, and are not taken for an agreement."""
    numbers = torch.arange(1, 1 << 18, dtype=torch.int32).view(torch.float32)[:, None]
    table = Agreements(torch.tensor([[1.0], [0.0]]))
    slots, zero = (
        table._slots(part, table._middles, MULTIPLIERS[0]) for part in (numbers, torch.zeros(1, 1))
    )
    anchors = torch.stack([numbers[(slots == zero)[:, 0]][0], torch.zeros(1)])
    assert found(torch.tensor([[0.0], [2.0]]), anchors) == {}
    assert len(found(torch.tensor([[0.0], [float(anchors[0])]]), anchors)) == 1


def test_many_columns_have_short_hashes():
    anchors = torch.zeros(2, 100_000)
    anchors[1] = torch.arange(100_000)
    features = anchors.flip(0).clone()
    features[:, 5] = 7
    assert len(Agreements(anchors)._tables[0]) == 100_000 << 10
    assert len(Agreements(anchors).among(features)[0]) == 100_000 - 2


def test_neighbours_are_not_taken_for_equal():
    anchors = torch.tensor([[0.1, 1000.0]])
    assert found(torch.nextafter(anchors, torch.tensor(torch.inf)), anchors) == {}
    assert found(anchors[:0], anchors) == {}
