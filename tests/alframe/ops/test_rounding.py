import pytest
import torch

from alframe.ops.rounding import resolution_of, squared_distances_of, without_rounding


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_below_rounding_is_none(dtype):
    magnitudes = torch.tensor([1.0, 1e6], dtype=dtype)
    least = resolution_of(magnitudes[:1])
    distances = torch.tensor([[least, 2 * least], [least, 1.0]], dtype=dtype)
    wanted = [[0.0, float(distances[0, 1])], [0.0, float(distances[1, 1] > resolution_of(magnitudes))]]
    assert without_rounding(distances.clone(), magnitudes).tolist() == wanted
    assert resolution_of(magnitudes[:0]) == 0.0


def test_distances_of_products_and_norms():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    norms = x.square().sum(dim=1)
    found = squared_distances_of(x @ x.T, norms, norms)
    assert torch.allclose(found, torch.cdist(x, x).square())
    assert (found.diagonal() == 0).all()
