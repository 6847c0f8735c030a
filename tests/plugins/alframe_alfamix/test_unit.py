import pytest
import torch
from torch.nn.functional import normalize

import alframe
from alframe import Euclidean, Geometry
from alframe_alfamix import _unit
from alframe_alfamix._unit import UnitLength


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def features():
    x = torch.randn(50, 7, generator=generator())
    x[3] = 0
    return x


@pytest.fixture
def scaled_rows(monkeypatch):
    """How many rows are scaled, call by call."""
    counts = []

    def noting(rows, **kwargs):
        counts.append(len(rows))
        return normalize(rows, **kwargs)

    monkeypatch.setattr(_unit, "normalize", noting)
    return counts


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_the_geometry_of_scaled_rows(features, dtype):
    features = features.to(dtype)
    points, plain = UnitLength(features), Euclidean(normalize(features))
    chosen = torch.tensor([4, 3, 9])
    assert isinstance(points, Geometry)
    assert len(points) == 50
    assert torch.equal(points.squared_norms(), plain.squared_norms())
    assert torch.equal(points[chosen].x, plain[chosen].x)
    assert torch.equal(points.squared_distances(points), plain.squared_distances(plain))
    assert torch.equal(points[:5].squared_distances(points), plain[:5].squared_distances(plain))
    assert torch.equal(points.squared_distances(points[chosen]), plain.squared_distances(plain[chosen]))
    assert torch.equal(points[chosen].x, plain[chosen].x)
    assert torch.equal(points.vectors(generator()).x, plain.vectors(generator()).x)
    assert torch.equal(points.double().x, plain.double().x)
    assert points.resolution() == plain.resolution()


def test_features_are_not_written_to(features):
    before = features.clone()
    UnitLength(features)[torch.tensor([1, 2])]
    assert torch.equal(features, before)


def test_a_part_is_scaled_on_its_own(features, scaled_rows):
    points = UnitLength(features)
    points[torch.tensor([4, 3, 9])].vectors(generator())
    assert scaled_rows == [3]


def test_all_are_scaled_once_for_who_compares_them(features, scaled_rows):
    points = UnitLength(features)
    for start in range(0, 50, 10):
        points[start : start + 10].squared_distances(points[torch.tensor([0])])
    assert scaled_rows == [50]


def test_a_query_scales_the_candidates_alone(make, scaled_rows, monkeypatch):
    """Their norms are looked at by blocks; the pool is never held a second time."""
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 12 * 10)
    result = alframe.query("alfamix", **make(N=300).query)
    candidates = int(result.logged["alfamix"]["candidates"])
    assert 20 < candidates < 300
    assert scaled_rows == [10] * 30 + [10] * 2 + [candidates]


def test_others_select_on_it(make):
    for selector in ("coreset", "badge"):
        result = alframe.query("alfamix", stages={"select": selector}, **make().query)
        assert len(result.indices.unique()) == 20
