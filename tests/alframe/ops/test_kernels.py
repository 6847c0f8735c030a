import math

import pytest
import torch

from alframe import Euclidean
from alframe.ops import Kernel, blocks, kernels
from alframe.ops.kernels import KernelBlocks

FORMULAS = {
    "gaussian": lambda d, h: torch.exp(-((d / h) ** 2)),
    "laplace": lambda d, h: torch.exp(-d / h),
    "top-hat": lambda d, h: (d < h).double(),
}


def rows(n, d=5, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("shape", FORMULAS)
@pytest.mark.parametrize("width", [0.3, 1.0, 7.0])
def test_values(shape, width):
    """Gaussian: no factor of 1/2."""
    d = rows(20).abs()
    torch.testing.assert_close(Kernel(shape, width)(d**2), FORMULAS[shape](d, width))


@pytest.mark.parametrize("shape", FORMULAS)
def test_values_lie_between_0_and_1_whatever_the_width(shape):
    squared = torch.tensor([[0.0, 1e-12, 1.0, 1e30]])
    for width in (1e-300, 1e-30, 1.0, 1e30, 1e308):
        values = Kernel(shape, width)(squared.clone())
        assert values[0, 0] == 1
        assert ((values >= 0) & (values <= 1)).all()


def test_the_ball_is_open():
    assert Kernel("top-hat", 2.0)(torch.tensor([[3.9, 4.0]])).tolist() == [[1.0, 0.0]]
    assert Kernel("top-hat", 0.0)(torch.tensor([[0.0]])).tolist() == [[0.0]]


@pytest.mark.parametrize(("shape", "width"), [("gaussian", 0.0), ("laplace", -1.0), ("top-hat", math.nan)])
def test_widths_that_are_none(shape, width):
    with pytest.raises(ValueError, match=f"width of a {shape} kernel must be above 0, got {width}"):
        Kernel(shape, width)


class Noisy(Euclidean):
    """A geometry whose points are a little away from themselves."""

    def squared_distances(self, other):
        return super().squared_distances(other) + 1e-4

    def __getitem__(self, positions):
        return Noisy(self.x[positions])


@pytest.mark.parametrize("kept", [True, False])
def test_blocks_are_the_kernel(kept, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 50)
    monkeypatch.setattr(kernels, "STORED_BYTES", 1e9 if kept else 0)
    points, kernel = Noisy(rows(31)), Kernel("top-hat", 1e-3)
    wanted = kernel(points.squared_distances(points)).fill_diagonal_(1)  # a point is its own, by its index
    found = KernelBlocks(points, kernel)
    assert (found.kept is not None) == kept
    some = torch.tensor([30, 0, 17])
    for _ in range(2):  # what is handed out may be written over
        parts = list(found.across(some))
        torch.testing.assert_close(torch.cat([values for _, values in parts], dim=1), wanted[some])
        for _, values in parts:
            values.zero_()
    whole = torch.zeros_like(wanted)
    for left, right, values in found.half():
        assert values.numel() <= 50
        whole[left, right], whole[right, left] = values, values.T
    torch.testing.assert_close(whole, wanted)


def test_which_widths_want_digits():
    assert Kernel("gaussian", 0.01).wants_digits(1e-6)
    assert not Kernel("gaussian", 0.1).wants_digits(1e-6)
    assert not Kernel("top-hat", 0.0).wants_digits(1e-6)
