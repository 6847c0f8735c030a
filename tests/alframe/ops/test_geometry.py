import numpy as np
import pytest
import torch
from scipy import special
from scipy.spatial.distance import cdist

from alframe.ops import geometry
from alframe.ops.geometry import Euclidean, Geometry, OuterProduct, SymmetricKL, as_geometry


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def factors(n, c=4, d=6, dtype=torch.float64, seed=0):
    g = generator(seed)
    return torch.randn(n, c, generator=g, dtype=dtype), torch.randn(n, d, generator=g, dtype=dtype)


def distributions(n, c=5, dtype=torch.float64, seed=0):
    return (3 * torch.randn(n, c, generator=generator(seed), dtype=dtype)).softmax(1)


def built(a, b):
    return (a[:, :, None] * b[:, None, :]).flatten(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_euclidean_distances_are_those_of_cdist(dtype):
    x, y = (torch.randn(n, 5, generator=generator(n), dtype=dtype) for n in (7, 4))
    wanted = torch.cdist(x.double(), y.double()) ** 2
    torch.testing.assert_close(
        Euclidean(x).squared_distances(Euclidean(y)).double(), wanted, atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(Euclidean(x).squared_norms(), (x**2).sum(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outer_products_are_as_far_apart_as_their_vectors(dtype):
    (a, b), (a2, b2) = factors(7, dtype=dtype), factors(4, dtype=dtype, seed=1)
    wanted = cdist(built(a, b), built(a2, b2), "sqeuclidean")
    got = OuterProduct(a, b).squared_distances(OuterProduct(a2, b2))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(OuterProduct(a, b).squared_norms(), (built(a, b) ** 2).sum(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_divergence_is_the_definition(dtype):
    p, q = distributions(7, dtype=dtype), distributions(4, dtype=dtype, seed=1)
    rel = special.rel_entr
    wanted = [[(rel(a, b) + rel(b, a)).sum() / 2 for b in q.double().numpy()] for a in p.double().numpy()]
    np.testing.assert_allclose(SymmetricKL(p).squared_distances(SymmetricKL(q)), wanted, rtol=1e-4, atol=1e-5)
    uniform = SymmetricKL(torch.full((1, 5), 0.2, dtype=dtype))
    torch.testing.assert_close(
        SymmetricKL(p).squared_norms(),
        SymmetricKL(p).squared_distances(uniform)[:, 0],
        rtol=1e-4,
        atol=1e-5,
    )


def test_probabilities_of_0_and_1_have_finite_divergence():
    """Clamped at 1e-12."""
    points = SymmetricKL(torch.eye(3))
    between = points.squared_distances(points)
    assert between.isfinite().all()
    assert between[0, 1] == pytest.approx(-np.log(1e-12), rel=1e-5)
    assert (between.diag() == 0).all()


@pytest.mark.parametrize(
    "points",
    [
        Euclidean(torch.full((9, 400), 1.1)),
        OuterProduct(torch.full((9, 30), 0.3), torch.full((9, 400), 1.1)),
        SymmetricKL(torch.softmax(torch.arange(50.0), 0).repeat(9, 1)),
    ],
    ids=lambda points: type(points).__name__,
)
def test_coinciding_points_are_at_distance_0(points):
    """Exactly: k-means++ draws by distance, and must see that nothing is left to draw."""
    assert (points.squared_distances(points) == 0).all()
    assert (points[torch.tensor([3, 1])].squared_distances(points) == 0).all()


@pytest.mark.parametrize(
    "points",
    [
        Euclidean(torch.randn(9, 4, generator=generator())),
        OuterProduct(*factors(9, dtype=torch.float32)),
        SymmetricKL(distributions(9)),
    ],
    ids=lambda points: type(points).__name__,
)
@pytest.mark.parametrize("positions", [torch.tensor([2, 0, 2]), slice(3, 7)], ids=["tensor", "slice"])
def test_indexing(points, positions):
    assert isinstance(points, Geometry)
    assert len(points) == 9
    part = points[positions]
    assert len(part) == len(torch.arange(9)[positions])
    torch.testing.assert_close(part.squared_norms(), points.squared_norms()[positions])
    torch.testing.assert_close(part.squared_distances(points), points.squared_distances(points)[positions])


class TestVectors:
    def test_of_a_matrix(self):
        x = torch.rand(3, 2)
        assert Euclidean(x).vectors(generator()).x is x

    def test_of_outer_products_within_the_bound(self):
        a, b = factors(7)
        x, exact = OuterProduct(a, b).vectors(generator())
        assert exact
        torch.testing.assert_close(x, built(a, b))

    def test_of_outer_products_beyond_it(self, monkeypatch):
        """A sketch: right on average, and no larger than the bound."""
        a, b = factors(20, c=30, d=40)
        monkeypatch.setattr(geometry, "VECTOR_ELEMENTS", 20 * 1000)
        wanted = cdist(built(a, b), built(a, b), "sqeuclidean")[np.triu_indices(20, 1)]
        ratios = []
        for seed in range(10):
            x, exact = OuterProduct(a, b).vectors(generator(seed))
            assert not exact
            assert x.numel() <= 20 * 1000
            ratios.append(cdist(x, x, "sqeuclidean")[np.triu_indices(20, 1)] / wanted)
        assert np.mean(ratios) == pytest.approx(1, abs=0.02)
        assert np.std(ratios) < 3 / np.sqrt(1000)

    def test_of_distributions(self):
        """Near one another, squared distances are the divergence."""
        p = distributions(1)
        near = torch.cat([p, p * (1 + 0.01 * torch.randn(5, 5, generator=generator(), dtype=p.dtype))])
        near /= near.sum(1, keepdim=True)
        x, exact = SymmetricKL(near).vectors(generator())
        assert not exact
        wanted = SymmetricKL(near).squared_distances(SymmetricKL(near))
        torch.testing.assert_close(torch.cdist(x, x) ** 2, wanted, rtol=1e-3, atol=1e-12)


def test_a_plain_tensor_means_euclidean():
    points = as_geometry(torch.zeros(2, 3))
    assert isinstance(points, Euclidean)
    assert as_geometry(points) is points


def test_shapes_are_enforced_while_tests_run():
    with pytest.raises(Exception, match="x"):
        Euclidean(torch.zeros(3))
