import numpy as np
import pytest
import torch
from scipy import special
from scipy.spatial.distance import cdist

from alframe.ops import blocks, geometry
from alframe.ops.geometry import Euclidean, Geometry, OuterProduct, SymmetricKL, as_geometry
from alframe.ops.lazy import LazyRows


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


def squared(x, y):
    return cdist(x.double(), y.double(), "sqeuclidean")


OFFSETS = [0.0, 1e2, 1e3, 1e4, 1e5]  # standard deviations
DTYPES = [torch.float32, torch.float64]


class TestCommonOffset:
    """Distances are those of the numbers given, in float64, whatever the numbers have in common."""

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("offset", OFFSETS)
    def test_of_rows(self, offset, dtype):
        x, y = (torch.randn(n, 32, generator=generator(n), dtype=dtype) + offset for n in (70, 9))
        points, others = Euclidean(x), Euclidean(y)
        np.testing.assert_allclose(points.squared_distances(others), squared(x, y), rtol=1e-4)
        np.testing.assert_allclose(others.squared_distances(points), squared(y, x), rtol=1e-4)
        np.testing.assert_allclose(
            points[3:50].squared_distances(points[torch.tensor([60, 61])]),
            squared(x[3:50], x[60:62]),
            rtol=1e-4,
        )
        np.testing.assert_allclose(points.squared_norms(), (x.double() ** 2).sum(1), rtol=1e-5)

    def test_of_rows_of_which_others_do_not_have_it(self):
        x, y = (torch.randn(n, 8, generator=generator(n)) for n in (70, 9))
        for first, second in ((x + 1e4, y), (x, y + 1e4), (x + 1e4, y - 1e4)):
            got = Euclidean(first).squared_distances(Euclidean(second))
            np.testing.assert_allclose(got, squared(first, second), rtol=1e-5)

    def test_of_rows_with_outliers(self):
        x = torch.randn(500, 8, generator=generator()) + 1e3
        x[::100] = 1e6
        x[7] = -1e6
        plain = torch.tensor([i for i in range(1, 100) if i != 7])
        got = Euclidean(x).squared_distances(Euclidean(x))[plain][:, plain].fill_diagonal_(0)
        np.testing.assert_allclose(got, squared(x[plain], x[plain]), rtol=1e-4)

    @pytest.mark.parametrize("offset", OFFSETS)
    def test_of_the_factors_of_products(self, offset):
        """Left factors as those of BADGE: some are all but equal, and then the right ones alone differ."""
        a, b = factors(80, d=32, dtype=torch.float32)
        a[:60] = a[0] * (1 + 1e-4 * torch.randn(60, 1, generator=generator(1)))
        b += offset
        vectors = built(a.double(), b.double())
        wanted, points, swapped = squared(vectors, vectors), OuterProduct(a, b), OuterProduct(b, a)
        got = points.squared_distances(points[:9]).fill_diagonal_(0)
        np.testing.assert_allclose(got, wanted[:, :9], rtol=2e-4)
        np.testing.assert_allclose(points[60:].squared_distances(points[:3]), wanted[60:, :3], rtol=2e-4)
        np.testing.assert_allclose(swapped[70:].squared_distances(swapped[:70]), wanted[70:, :70], rtol=2e-4)
        assert got.dtype == torch.float32

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("spread", [1.0, 1e-1, 1e-2, 1e-3, 1e-4])
    @pytest.mark.parametrize("surest", [0.0, 6.0])
    def test_of_distributions(self, surest, spread, dtype):
        logits = spread * torch.randn(80, 10, generator=generator(), dtype=dtype)
        logits[:, 0] += surest
        p, q = logits.softmax(1).split([70, 10])
        exact_p, exact_q = p.double().numpy(), q.double().numpy()
        apart = exact_p[:, None] - exact_q
        wanted = (apart * np.log1p(apart / exact_q)).sum(2) / 2
        points, others = SymmetricKL(p), SymmetricKL(q)
        np.testing.assert_allclose(points.squared_distances(others), wanted, rtol=2e-4)
        np.testing.assert_allclose(others.squared_distances(points), wanted.T, rtol=2e-4)
        np.testing.assert_allclose(points[5:9].squared_distances(others[:2]), wanted[5:9, :2], rtol=2e-4)
        if surest == 0:
            norms = ((exact_p - 0.1) * np.log1p((exact_p - 0.1) / 0.1)).sum(1) / 2
            np.testing.assert_allclose(points.squared_norms(), norms, rtol=2e-4)

    def test_of_distributions_some_of_which_are_0_and_1(self):
        p = torch.cat([(1e-3 * torch.randn(50, 3, generator=generator())).softmax(1), torch.eye(3)])
        clipped = p.double().numpy().clip(1e-12)
        wanted = (
            (p.double().numpy()[:, None] - p.double().numpy()) * np.log(clipped[:, None] / clipped)
        ).sum(2) / 2
        got = SymmetricKL(p).squared_distances(SymmetricKL(p))
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_numbers_of_16_bits_are_compared_in_float32(offset, dtype):
    """In 16 bits squares of 300 are infinite, and sums have three digits."""
    x, y = ((20 * (torch.randn(n, 40, generator=generator(n)) + offset)).to(dtype) for n in (30, 7))
    a, b = (torch.randn(n, 3, generator=generator(n)).to(dtype) for n in (30, 7))
    p, q = (torch.randn(n, 4, generator=generator(n)).softmax(1).to(dtype) for n in (30, 7))
    got = Euclidean(x).squared_distances(Euclidean(y))
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got, squared(x, y), rtol=1e-5)
    np.testing.assert_allclose(Euclidean(x).squared_norms(), (x.double() ** 2).sum(1), rtol=1e-5)
    got = OuterProduct(a, x).squared_distances(OuterProduct(b, y))
    np.testing.assert_allclose(
        got, squared(built(a.double(), x.double()), built(b.double(), y.double())), rtol=1e-4
    )
    np.testing.assert_allclose(
        SymmetricKL(p).squared_distances(SymmetricKL(q)),
        SymmetricKL(p.double()).squared_distances(SymmetricKL(q.double())),
        rtol=1e-4,
    )
    for points in (Euclidean(x), OuterProduct(a, x), SymmetricKL(p)):
        assert points.squared_norms().dtype == points[:3].vectors(generator()).x.dtype == torch.float32


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


@pytest.mark.parametrize("alike", [False, True])
def test_logarithms_that_are_not_kept_are_those_that_are(alike, monkeypatch):
    p = distributions(300, dtype=torch.float32)
    p = (p + 99 * p[:1]) / 100 if alike else p
    kept = SymmetricKL(p)
    monkeypatch.setattr(geometry, "VECTOR_ELEMENTS", 0)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 35)
    made_anew = SymmetricKL(p)
    assert kept._log_p is not None
    assert made_anew._log_p is None
    assert (made_anew._amid is None) is not alike
    few = torch.tensor([7, 0, 299])
    torch.testing.assert_close(made_anew.squared_norms(), kept.squared_norms())
    torch.testing.assert_close(made_anew.squared_distances(made_anew[few]), kept.squared_distances(kept[few]))
    torch.testing.assert_close(made_anew[5:90].squared_norms(), kept[5:90].squared_norms())
    assert made_anew._log_p is None


def lazily(rows, most=0, rounding=0.0):
    """The rows made when they are asked for, otherwise rounded where other rows are made beside them."""

    def make(positions):
        part = rows[positions]
        return part * (1 + rounding * (len(part) % 7 - 3))

    return LazyRows(make, len(rows), most)


def lazy_and_kept(kind, wrap, dtype=torch.float32, offset=0.0):
    """Points whose matrices are made, and the same with matrices that are kept."""
    a, b = factors(90, c=5, d=8, dtype=dtype)
    p = distributions(90, c=5, dtype=dtype)
    if kind == "rows":
        return Euclidean(wrap(b + offset)), Euclidean(
            (b + offset).to(torch.promote_types(dtype, torch.float32))
        )
    if kind == "outer product":
        return OuterProduct(wrap(a), wrap(b + offset)), OuterProduct(a, b + offset)
    if kind == "left factors":
        return OuterProduct(wrap(a), b + offset), OuterProduct(a, b + offset)
    p = (p + offset * p[:1]) / (1 + offset)
    return SymmetricKL(wrap(p)), SymmetricKL(p)


@pytest.mark.parametrize("most", [0, 100])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("kind", ["rows", "outer product", "left factors", "divergence"])
class TestLazyRows:
    @pytest.fixture(autouse=True)
    def _small_blocks(self, monkeypatch):
        monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 300)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
    def test_are_the_points_that_are_kept(self, kind, offset, most, dtype):
        made, kept = lazy_and_kept(kind, lambda rows: lazily(rows, most), dtype, offset)
        few = torch.tensor([7, 0, 89])
        assert isinstance(made, Geometry)
        assert len(made) == 90
        assert torch.equal(made.squared_norms(), kept.squared_norms())
        assert made.resolution() == kept.resolution()
        wanted = kept.squared_distances(kept[few])
        for points, others in ((made, made[few]), (made, kept[few]), (kept, made[few])):
            torch.testing.assert_close(points.squared_distances(others), wanted)
        for positions in (slice(11, 60), torch.tensor([3, 80, 3]), torch.arange(89)):
            part = made[positions]
            assert torch.equal(part.squared_norms(), kept.squared_norms()[positions])
            torch.testing.assert_close(part.squared_distances(kept[few]), wanted[positions])
            torch.testing.assert_close(part[1:3].squared_distances(made[few]), wanted[positions][1:3])

    def test_in_float64(self, kind, offset, most):
        made, kept = lazy_and_kept(kind, lambda rows: lazily(rows, most), offset=offset)
        fine, wanted = made[torch.arange(5, 70)].double(), kept[torch.arange(5, 70)].double()
        distances = fine.squared_distances(made[:4].double())
        assert distances.dtype == torch.float64
        torch.testing.assert_close(distances, wanted.squared_distances(kept[:4].double()))

    @pytest.mark.parametrize("elements", [1 << 27, 90 * 10])
    def test_have_the_same_vectors(self, kind, offset, most, elements, monkeypatch):
        monkeypatch.setattr(geometry, "VECTOR_ELEMENTS", elements)
        made, kept = lazy_and_kept(kind, lambda rows: lazily(rows, most), offset=offset)
        (x, exact), (wanted, kept_exact) = (points.vectors(generator()) for points in (made, kept))
        assert exact == kept_exact
        torch.testing.assert_close(x, wanted)


@pytest.mark.parametrize("most", [0, 400])
@pytest.mark.parametrize("kind", ["rows", "outer product", "divergence"])
def test_lazy_rows_that_coincide_are_at_distance_0_however_they_are_rounded(kind, most, monkeypatch):
    """What is known of a row is not held against another making of it."""
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 60)
    rounding = 8 * torch.finfo(torch.float32).eps
    points, _ = lazy_and_kept(kind, lambda rows: lazily(rows.repeat(2, 1), most, rounding))
    for some in (torch.tensor([4]), torch.tensor([4, 5]), torch.arange(3, 11)):
        between = points.squared_distances(points[some])
        assert (between[some].diag() == 0).all()
        assert (between[some + 90].diag() == 0).all()
        assert (between > 0).sum() == (180 - 2) * len(some)
