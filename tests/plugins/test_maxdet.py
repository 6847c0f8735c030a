import numpy as np
import pytest
import torch
from scipy import stats

import alframe
from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe_maxdet import _maxdet, _posterior
from alframe_maxdet._maxdet import largest_variances
from alframe_maxdet._posterior import FeaturePosterior, KernelPosterior, posterior


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def picks_of(known, n, seed=0):
    return largest_variances(known, n, generator(seed), lambda done, total: None).tolist()


def determinants(K, chosen, left, noise):
    """The logarithm of the determinant with each further row."""
    values = []
    for i in left:
        rows = [*chosen, i]
        sign, value = np.linalg.slogdet(K[np.ix_(rows, rows)] + noise * np.eye(len(rows)))
        values.append(value if sign > 0 else -np.inf)
    return np.array(values)


def greedy(K, labelled, pool, n, noise):
    """Brute force: the largest determinant of the kernel matrix with noise, one row at a time."""
    picks = []
    for _ in range(n):
        left = [i for i in pool if i not in picks]
        picks.append(left[int(determinants(K, [*labelled, *picks], left, noise).argmax())])
    return picks


def kernel(X, XL):
    rows = np.concatenate([X, XL])
    return rows @ rows.T, range(len(X), len(rows)), range(len(X)), (X**2).sum(axis=1).mean()


@pytest.mark.parametrize("labelled", [0, 8])
@pytest.mark.parametrize("noise", [1e-6, 1e-2])
@pytest.mark.parametrize("width", [3, 30])
def test_is_the_largest_determinant(labelled, noise, width, make):
    """More picks than features, and fewer."""
    problem = make(N=40, D=width, L=8, n=10)
    K, known, pool, level = kernel(problem.X, problem.XL[:labelled])
    problem.query |= {
        "labelled_features": problem.XL[:labelled],
        "labelled_targets": problem.yL[:labelled],
        "num_classes": 5,
    }
    picks = alframe.query("maxdet", options={"noise": noise}, **problem.query).indices.tolist()
    assert picks == greedy(K, known, pool, 10, noise * level)


def steps(X, XL, n, noise):
    """The same by the variance of each row given those before, with an explicit inverse a pick."""
    precision, picks = noise * np.eye(X.shape[1]) + XL.T @ XL, []
    for _ in range(n):
        values = np.einsum("ij,jk,ik->i", X, np.linalg.inv(precision), X)
        values[picks] = -np.inf
        picks.append(int(values.argmax()))
        precision = precision + np.outer(X[picks[-1]], X[picks[-1]])
    return picks


def test_is_the_algorithm_in_float64(problem, request):
    n = min(problem.n, len(problem.X))
    result = alframe.query("maxdet", **problem.query)
    assert len(result.indices.unique()) == n
    assert result.topped_up == 0
    if "identical" not in request.node.name and "one-feature" not in request.node.name:
        noise = 1e-6 * (problem.X**2).sum(axis=1).mean()
        assert result.indices.tolist() == steps(problem.X, problem.XL, n, noise)


def test_of_one_feature_it_is_the_longest(make):
    problem = make(D=1)
    picks = alframe.query("maxdet", **problem.query).indices.tolist()
    assert picks == np.argsort(-np.abs(problem.X[:, 0]))[:20].tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["euclidean", "outer product"])
@pytest.mark.parametrize("labelled", [0, 7])
def test_kernels_of_any_geometry(dtype, kind, labelled):
    x = torch.randn(120, 6, generator=generator(1), dtype=dtype)
    a = torch.randn(120, 4, generator=generator(2), dtype=dtype)
    points = Euclidean(x) if kind == "euclidean" else OuterProduct(a, x)
    rows = x if kind == "euclidean" else torch.einsum("nc,nd->ncd", a, x).flatten(1)
    K = (rows.double() @ rows.double().T).numpy()
    known = KernelPosterior(points, points[torch.arange(labelled)], 40, 1e-3)
    picks = picks_of(known, 40)
    wanted = greedy(K, range(labelled), range(120), 40, 1e-3)
    assert [pick for pick in picks if pick >= labelled][:25] == [i for i in wanted if i >= labelled][:25]


def test_features_and_kernels_pick_the_same(monkeypatch, make):
    problem = make()
    whole = alframe.query("maxdet", **problem.query).indices.tolist()
    monkeypatch.setattr(_posterior, "WIDEST", 0)
    assert alframe.query("maxdet", **problem.query).indices.tolist() == whole


def test_what_serves_features_and_what_serves_others():
    x = torch.randn(20, 3, generator=generator())
    p = x.softmax(1)
    for points, wanted in (
        (Euclidean(x), FeaturePosterior),
        (OuterProduct(p, x), KernelPosterior),
        (SymmetricKL(p), FeaturePosterior),
    ):
        assert isinstance(posterior(points, points[:0], 3, 1e-6, generator()), wanted)


def test_divergences_are_no_inner_products(make):
    """Kernels of them have negative eigenvalues. Here their vectors serve."""
    problem = make(N=60, n=60)
    result = alframe.query("maxdet", stages={"embed": "cdal"}, **problem.query)
    assert len(result.indices.unique()) == 60
    assert result.topped_up == 0


def test_variances_are_those_of_a_gaussian_process():
    x = torch.randn(30, 4, generator=generator(), dtype=torch.float64)
    K, noise = (x @ x.T).numpy(), 0.1
    observed = [3, 8, 20]
    inverse = np.linalg.inv(K[np.ix_(observed, observed)] + noise * np.eye(3))
    wanted = K - K[:, observed] @ inverse @ K[observed]
    positions = torch.tensor([0, 5, 20])
    for known in (
        FeaturePosterior(x, x[:0], noise),
        KernelPosterior(Euclidean(x), Euclidean(x[:0]), 3, noise),
    ):
        known.observe(torch.tensor(observed[:1]))
        known.observe(torch.tensor(observed[1:]))
        np.testing.assert_allclose(known.variances, np.diag(wanted) + noise, rtol=1e-10)
        np.testing.assert_allclose(
            known.covariances(positions), wanted[np.ix_(positions, positions)], rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("kind", ["distinct", "pairs", "three kinds"])
@pytest.mark.parametrize("widest", [0, 4096])
def test_block_sizes_change_no_pick(kind, widest, monkeypatch, make):
    """One pick at a time among them; ties are drawn in the same order."""
    problem = make(N=120, D=6, n=40, pairs=kind == "pairs")
    if kind == "three kinds":
        problem.query["features"] = problem.X[np.arange(120) % 3]
    monkeypatch.setattr(_posterior, "WIDEST", widest)
    answers = set()
    for size in (1, 7, 400):
        monkeypatch.setattr(_maxdet, "BLOCK", size)
        for elements in (1 << 20, 300):
            monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", elements)
            picks = alframe.query("maxdet", **problem.query).indices
            # which of many copies is taken hangs on a product's last bit, and that on the size of its block
            answers.add(tuple((picks % 3 if kind == "three kinds" else picks).tolist()))
    assert len(answers) == 1


def test_the_largest_of_a_block_is_not_taken_where_one_outside_is_larger():
    """Stale variances are bounds: after the first pick another is best."""
    x = torch.tensor([[10.0, 0.0], [9.9, 0.0], [0.0, 5.0], [9.8, 0.1]], dtype=torch.float64)
    wanted = greedy((x @ x.T).numpy(), [], range(4), 4, 1e-3)
    assert wanted[:2] == [0, 2]
    known = FeaturePosterior(x, x[:0], 1e-3)
    positions, outside = _maxdet._block(known.variances, torch.arange(4), 2)
    assert sorted(positions.tolist()) == [0, 1]
    inside = _maxdet.picks_of_block(
        known.variances[positions], known.covariances(positions), torch.arange(2), outside, 4
    )
    assert positions[inside].tolist() == [0]
    assert picks_of(known, 4) == wanted


def test_variances_stay_positive_and_all_are_picked(make):
    problem = make(N=60, D=5, n=60, pairs=True)
    for noise in (1e-9, 1e-6, 1.0):
        result = alframe.query("maxdet", options={"noise": noise}, **problem.query)
        assert sorted(result.indices.tolist()) == list(range(60))
        assert result.topped_up == 0


def test_a_variance_that_is_not_positive_ends_it():
    """Trap: the root of what rounding left. What lacks is filled up at random."""
    covariances = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    for sign, wanted in ((1, [0]), (-1, [])):
        variances = sign * torch.full((2,), 1.5, dtype=torch.float64)
        picks = _maxdet.picks_of_block(variances, covariances, torch.arange(2), -torch.inf, 2)
        assert picks.tolist() == wanted


def test_rows_of_zeros_are_drawn():
    """Nothing is known of them, and nothing to be known."""
    answers = [
        tuple(alframe.query("maxdet", features=np.zeros((30, 3)), n=5, seed=s, device="cpu").indices.tolist())
        for s in (0, 0, 1)
    ]
    assert answers[0] == answers[1] != answers[2]
    assert all(len(set(answer)) == 5 for answer in answers)


def test_equal_points_are_equally_likely():
    x = torch.eye(3).repeat_interleave(10, 0)
    found = np.zeros(30)
    for seed in range(200):
        picks = picks_of(FeaturePosterior(x, x[:0], 1e-6), 3, seed)
        assert len({pick // 10 for pick in picks}) == 3
        found[picks] += 1
    assert stats.chisquare(found).pvalue > 1e-3


def test_no_label_is_read_and_the_order_of_the_rows_does_not_matter(make):
    problem = make()
    first = alframe.query("maxdet", **problem.query).indices.tolist()
    order = np.random.default_rng(0).permutation(len(problem.X))
    problem.query |= {"features": problem.X[order], "labelled_targets": np.zeros_like(problem.yL)}
    assert order[alframe.query("maxdet", **problem.query).indices].tolist() == first


def test_scores_of_minus_infinity_are_never_picked(make, make_plugin):
    """Trap: masked in a copy, of which the largest is not taken."""
    from alframe.registry.registry import Registry

    registry = Registry()
    scores = torch.where(torch.arange(150) % 10 == 0, 1.0, -torch.inf)
    registry.register(make_plugin(alframe_score=lambda pool: scores), "tenth")
    result = alframe.query("tenth", stages={"select": "maxdet"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_too_many_columns_are_refused_in_a_line(monkeypatch, make):
    monkeypatch.setattr(_posterior, "MOST_BYTES", 1000)
    problem = make()
    with pytest.raises(alframe.UsageError, match="150 points of such an embedding with 40 labelled") as error:
        alframe.query("maxdet", stages={"embed": "badge"}, **problem.query)
    assert "\n" not in str(error.value)
    assert len(alframe.query("maxdet", **problem.query).indices) == 20


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
def test_the_scale_does_not_matter(scale, make):
    problem = make()
    whole = alframe.query("maxdet", **problem.query).indices.tolist()
    problem.query |= {"features": scale * problem.X, "labelled_features": scale * problem.XL}
    del problem.query["head"]
    assert alframe.query("maxdet", **problem.query).indices.tolist() == whole


@pytest.mark.parametrize("noise", [1e-9, 1e6])
def test_the_largest_and_the_smallest_noise_give_picks(noise, make):
    assert len(alframe.query("maxdet", options={"noise": noise}, **make().query).indices) == make().query["n"]


@pytest.mark.parametrize("noise", [1e-10, 1e308])
def test_noise_beyond_reason_is_refused(noise, make):
    with pytest.raises(alframe.UsageError, match="noise"):
        alframe.query("maxdet", options={"noise": noise}, **make().query)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("embed", ["default", "badge"])
def test_cuda_picks_as_the_cpu_does(embed, make):
    problem = make(N=3000, n=200)
    on_cpu = alframe.query("maxdet", stages={"embed": embed}, **problem.query).indices.tolist()
    problem.query["device"] = "cuda"
    assert alframe.query("maxdet", stages={"embed": embed}, **problem.query).indices.tolist() == on_cpu
