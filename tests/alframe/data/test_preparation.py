import numpy as np
import pytest
import torch

from alframe import UsageError
from alframe.data.preparation import Preparation


def prepared(values, test=None):
    rows = torch.tensor(values, dtype=torch.float64)[:, None]
    made = Preparation("t", ["age"], [0])(rows)
    return made(rows if test is None else torch.tensor(test, dtype=torch.float64)[:, None])[:, 0]


@pytest.mark.parametrize(
    ("offset", "scale"), [(0, 1), (1e9, 1), (-1.7e15, 2), (0, 1e300), (0, 1e-310), (1e9, 1e-4)]
)
def test_neither_offset_nor_scale_changes_anything(offset, scale):
    values = np.arange(-50.0, 51)
    shifted = offset + scale * values
    expected = torch.from_numpy((values - values.mean()) / values.std()).float()
    made = prepared(shifted)
    assert made.dtype == torch.float32
    assert (made - expected).abs().max() < (1e-5 if scale > 1e-3 else 1e-3)


def test_sums_do_not_overflow():
    made = prepared([1.7e308, -1.7e308, 1.7e308, -1.7e308])
    assert made.tolist() == [1, -1, 1, -1]


def test_gaps_are_the_mean_and_a_constant_is_0():
    assert prepared([1.0, float("nan"), 3.0])[1] == 0
    assert prepared([5e9] * 4).tolist() == [0] * 4
    assert prepared([float("nan")] * 3).tolist() == [0] * 3
    assert prepared([5.0] * 4, test=[7.0]).tolist() == [2]


def test_what_lies_too_far_from_the_training_part_is_named():
    with pytest.raises(
        UsageError, match="data set 't': column 'age' holds 1e\\+300, too far from the values"
    ):
        prepared([1.0, 2.0], test=[1e300])


def test_categories_become_columns_behind_the_numbers():
    rows = torch.tensor([[0.0, 1.0], [1.0, -1.0], [float("nan"), 0.0]], dtype=torch.float64)
    made = Preparation("t", ["kind", "size"], [2, 0])(rows)(rows)
    assert made[:, 1:].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert made[:, 0].tolist() == pytest.approx([1.2247449, -1.2247449, 0])
