import pytest
import torch

from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe.ops import LazyRows, assign_to_nearest, blocks, eligible, lazy, lower_to_nearest


def test_minima_are_lowered_in_place(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 20)
    generator = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (50, 4, 7))
    minima = torch.full((50,), torch.inf, dtype=torch.float64)
    lower_to_nearest(minima, Euclidean(x), Euclidean(y))
    assert lower_to_nearest(minima, Euclidean(x), Euclidean(z)) is minima
    torch.testing.assert_close(minima, (torch.cdist(x, torch.cat([y, z])) ** 2).amin(1))


def test_owners_are_the_nearest_centres(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 20)
    generator = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (50, 4, 7))
    minima = torch.full((50,), torch.inf, dtype=torch.float64)
    owners = torch.zeros(50, dtype=torch.int64)
    assign_to_nearest(minima, owners, Euclidean(x), Euclidean(y))
    assign_to_nearest(minima, owners, Euclidean(x), Euclidean(z[:0]), 4)
    assign_to_nearest(minima, owners, Euclidean(x), Euclidean(z), 4)
    wanted, which = (torch.cdist(x, torch.cat([y, z])) ** 2).min(1)
    torch.testing.assert_close(minima, wanted)
    assert torch.equal(owners, which)
    assign_to_nearest(minima, owners, Euclidean(x), Euclidean(z), 11)
    assert torch.equal(owners, which)  # of equally near ones the first


def test_no_centres_change_nothing():
    x = Euclidean(torch.rand(3, 2))
    assert lower_to_nearest(torch.full((3,), torch.inf), x, x[:0]).isinf().all()


@pytest.mark.parametrize("kind", ["outer product", "divergence"])
def test_many_centres_that_are_made_are_few_at_a_time_and_made_once(kind, monkeypatch):
    p = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(1)
    sizes = []

    def make(positions):
        sizes.append(len(p[positions]))
        return p[positions]

    def points(rows):
        return SymmetricKL(rows) if kind == "divergence" else OuterProduct(rows, p)

    wanted = points(p).squared_distances(points(p)[20:]).amin(1)
    centres = points(LazyRows(make, 50, 0))[20:]
    _ = centres.squared_norms()
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 20)
    monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 3 * 7)
    sizes.clear()
    minima = torch.full((50,), torch.inf, dtype=torch.float64)
    torch.testing.assert_close(lower_to_nearest(minima, points(p), centres), wanted)
    assert sizes == [7, 7, 7, 7, 2]


def test_who_may_be_chosen():
    x = Euclidean(torch.rand(3, 2))
    points, positions = eligible(x, None)
    assert points is x
    assert positions.tolist() == [0, 1, 2]
    assert eligible(x, torch.tensor([0.0, -5.0, 1.0]))[0] is x
    points, positions = eligible(x, torch.tensor([0.0, -torch.inf, 1.0]))
    assert positions.tolist() == [0, 2]
    assert torch.equal(points.x, x.x[[0, 2]])
