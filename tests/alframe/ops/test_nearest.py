import torch

from alframe import Euclidean
from alframe.ops import blocks, eligible, lower_to_nearest


def test_minima_are_lowered_in_place(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 20)
    generator = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (50, 4, 7))
    minima = torch.full((50,), torch.inf, dtype=torch.float64)
    lower_to_nearest(minima, Euclidean(x), Euclidean(y))
    assert lower_to_nearest(minima, Euclidean(x), Euclidean(z)) is minima
    torch.testing.assert_close(minima, (torch.cdist(x, torch.cat([y, z])) ** 2).amin(1))


def test_no_centres_change_nothing():
    x = Euclidean(torch.rand(3, 2))
    assert lower_to_nearest(torch.full((3,), torch.inf), x, x[:0]).isinf().all()


def test_who_may_be_chosen():
    x = Euclidean(torch.rand(3, 2))
    points, positions = eligible(x, None)
    assert points is x
    assert positions.tolist() == [0, 1, 2]
    assert eligible(x, torch.tensor([0.0, -5.0, 1.0]))[0] is x
    points, positions = eligible(x, torch.tensor([0.0, -torch.inf, 1.0]))
    assert positions.tolist() == [0, 2]
    assert torch.equal(points.x, x.x[[0, 2]])
