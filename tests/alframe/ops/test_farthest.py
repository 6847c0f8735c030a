"""The farthest points by bounds are those by all distances, and few are looked at."""

import pytest
import torch

from alframe import Euclidean
from alframe.ops import Farthest, LazyRows, farthest, lower_to_nearest
from alframe.ops.crew import counting
from doubles import Whole


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def points_of(kind, n):
    x = torch.randn(n, 5, generator=generator(1))
    if kind == "ties":
        x = x.round()
    if kind == "equal":
        x = torch.ones(n, 5)
    if kind == "clusters":
        x = x + 20 * torch.randn(9, 5, generator=generator(2))[torch.arange(n) * 9 // n]
    return x


@pytest.mark.parametrize("kind", ["plain", "ties", "equal", "clusters"])
@pytest.mark.parametrize("front", [4, 64, 4096])
def test_the_first_are_those_by_all_distances(kind, front, monkeypatch):
    monkeypatch.setattr(farthest, "FRONT", front)
    monkeypatch.setattr(farthest, "LOOKED_AT", 4)
    points = (Whole if kind == "ties" else Euclidean)(points_of(kind, 500))
    exact = lower_to_nearest(torch.full((500,), torch.inf), points, points[torch.tensor([3])])
    found = Farthest(points, exact.clone(), generator(5))
    ranks = found.rank(torch.arange(500))
    assert ranks.sort().values.equal(torch.arange(500, dtype=torch.int32))
    for step in range(30):
        n = [3, 1, 40, 17][step % 4]
        first = found.first(n)
        wanted = sorted(range(500), key=lambda row: (-exact[row], ranks[row]))[:n]
        assert torch.allclose(found.bounds[first], exact[first], atol=1e-2)
        assert (found.bounds >= exact - 1e-2).all()
        if kind != "clusters":  # where rounding decides among some
            assert first.tolist() == wanted
        picks = first[: 1 + step % 3]
        found.choose(picks)
        lower_to_nearest(exact, points, points[picks])
        exact[picks] = -torch.inf


def test_none_and_more_than_there_are():
    points = Euclidean(points_of("plain", 6))
    found = Farthest(points, points.squared_norms().clone(), generator())
    assert found.first(0).tolist() == []
    assert sorted(found.first(10).tolist()) == list(range(6))
    found.choose(torch.arange(6))
    assert len(found.first(3)) == 3
    assert found.bounds.eq(-torch.inf).all()
    none = Euclidean(torch.ones(0, 5))
    assert Farthest(none, none.squared_norms(), generator()).first(3).tolist() == []


def test_few_points_are_read_where_their_rows_are_made():
    x = points_of("clusters", 40_000)
    looked_at = []

    def make(rows):
        looked_at.append(len(x[rows]))
        return x[rows]

    points = Euclidean(LazyRows(make, len(x), most=0))
    minima = points.squared_norms().clone()
    looked_at.clear()
    with counting() as counted:
        found = Farthest(points, minima, generator())
        for _ in range(20):
            found.choose(found.first(33)[:10])
    assert sum(looked_at) < 5 * len(x)
    assert counted["skipped"] > 14 * len(x)
