import pytest
import torch

from alframe.ops import equal_from, first_of_equals
from alframe.ops.ties import largest


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_least_rank_among_the_largest_values(dtype):
    values = torch.tensor([1.0, 3.0, 3.0, 2.0, 3.0], dtype=dtype)
    for ranks, wanted in (([4, 3, 2, 1, 0], 4), ([0, 1, 2, 3, 4], 1), ([0, 4, 1, 2, 3], 2)):
        assert first_of_equals(values, torch.tensor(ranks)).tolist() == [wanted]


@pytest.mark.parametrize("sign", [1, -1])
def test_values_that_differ_by_rounding_are_equal(sign):
    values = sign * torch.tensor([2.0, 2.0 - sign * 1e-13, 2.0 - sign * 1e-3], dtype=torch.float64)
    ranks = torch.tensor([1, 0, 2])
    assert first_of_equals(values, ranks).tolist() == [0]
    assert first_of_equals(values, ranks, 1e-10).tolist() == [1]


def test_minus_infinity_is_taken_where_there_is_nothing_else():
    nothing = torch.full((3,), -torch.inf)
    for tolerance in (0.0, 1e-6):
        assert first_of_equals(nothing, torch.tensor([2, 0, 1]), tolerance).tolist() == [1]
        assert first_of_equals(
            torch.tensor([-torch.inf, -7.0]), torch.tensor([0, 1]), tolerance
        ).tolist() == [1]


def test_the_least_value_that_counts_as_equal():
    assert equal_from(torch.tensor([10.0, 0.0, -10.0]), 0.1).tolist() == [9, 0, -11]
    assert equal_from(torch.tensor(5.0), 0.0).tolist() == 5


def test_the_largest_of_blocks_are_the_largest(monkeypatch):
    values = torch.randint(50, (300,), generator=torch.Generator().manual_seed(0)).float()
    values[7] = -torch.inf
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 16)
    for k in (0, 1, 10, 299, 300):
        assert torch.equal(largest(values, k), values.sort(descending=True).values[:k])
