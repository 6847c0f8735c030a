import pytest
import torch

from alframe.ops.offset import SAMPLED, _medians, common_offset


def rows(n=200, d=5, offset=0.0, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + offset


@pytest.mark.parametrize("offset", [-1e5, 30.0, 1e4])
def test_rows_far_from_the_origin_have_a_point_amid_them(offset):
    x = rows(offset=offset)
    assert ((common_offset(x) - offset).abs() < 0.5).all()


@pytest.mark.parametrize(
    "x", [rows(), rows().relu(), rows(0), torch.zeros(4, 3), torch.full((3, 2), torch.nan)]
)
def test_other_rows_have_none(x):
    assert common_offset(x) is None


def test_one_row_is_its_own_offset():
    x = rows(1)
    assert torch.equal(common_offset(x), x[0])


@pytest.mark.parametrize("outlier", [1e3, 1e15, 1e25])
def test_a_few_outliers_do_not_move_the_point(outlier):
    """Rows amid outliers and origin would lose their digits to the mean of all."""
    x = rows(offset=100.0)
    x[::50] = outlier
    assert ((common_offset(x) - 100).abs() < 0.5).all()
    x = rows()
    x[::50] = outlier
    assert common_offset(x) is None


def test_only_one_column_has_an_offset():
    x = rows()
    x[:, 2] = 1.7e9 + 256 * torch.arange(200)
    assert common_offset(x)[2] > 1e9


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rows_of_16_bits_always_have_one_which_makes_them_float32(dtype):
    assert common_offset(rows().to(dtype)).dtype == torch.float32
    assert common_offset(rows(0).to(dtype)).tolist() == [0] * 5
    assert torch.equal(
        common_offset(rows(offset=4).to(dtype)), common_offset(rows(offset=4).to(dtype).float())
    )


def test_many_rows_are_looked_at_here_and_there():
    sorted_by_class = torch.arange(9.0).repeat_interleave(SAMPLED)[:, None] + 1000
    assert common_offset(sorted_by_class).tolist() == [1004.0]


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (7, 4), (500, 9), (3, 0)])
def test_the_point_is_the_upper_median_of_each_column(shape):
    x = rows(*shape, offset=7.0)
    x[: len(x) // 3] = x[-1]  # and among equal ones
    assert torch.equal(_medians(x), x.sort(dim=0).values[len(x) // 2])
    assert torch.equal(_medians(x.double()), x.double().sort(dim=0).values[len(x) // 2])
