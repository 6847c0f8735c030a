import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe import UsageError
from alframe_epig._epig import Aims, predictive_information

A, B, C = (  # rows under two posterior samples, T x C
    np.array(rows, dtype=float)
    for rows in ([[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.2, 0.8]])
)


def by_samples(N=60, T=6, C=3, seed=0, scale=2.0):
    """Probabilities ``N x T x C``."""
    return special.softmax(scale * np.random.default_rng(seed).normal(size=(N, T, C)), axis=2)


def ours(P, targets, shares=(), dtype=torch.float64):
    rows, aims = (torch.tensor(part, dtype=dtype).mT for part in (P, targets))
    return Aims(aims, shares).information(rows)


def scored(P, targets=10**6, seed=0, dtype=torch.float64, block=7, most=10**9):
    """As a view streams the rows, a few at a time."""
    passes = torch.tensor(P, dtype=dtype).transpose(0, 1)

    def stream(function):
        return torch.cat(
            [function(iter(part)) for part in zip(*(p.split(block) for p in passes), strict=True)]
        )

    generator = torch.Generator().manual_seed(seed)
    return predictive_information(stream, len(P), P.shape[1], targets, (), generator, passes.device, most)


def entropy(p):
    return special.entr(p).sum(axis=-1)


def by_divergence(P, targets):
    """``mean_* KL(p(y, y_*) || p(y) p(y_*))``, a pair at a time."""
    found = np.zeros(len(P))
    for i, rows in enumerate(P):
        for other in targets:
            joint = rows.T @ other / len(rows)
            apart = np.outer(rows.mean(axis=0), other.mean(axis=0))
            terms = np.where(apart > 0, special.rel_entr(joint, apart), 0)  # a product may underflow
            found[i] += terms.sum() / len(targets)
    return found


def of(problem, T=5):
    """The problem's probabilities under heads with features dropped."""
    masks = 2 * np.random.default_rng(0).integers(2, size=(T, problem.X.shape[1]))
    return np.stack([special.softmax(problem.X * m @ problem.W.T + problem.b, axis=1) for m in masks], 1)


def test_the_score_is_the_formula_in_float64(problem):
    """As a divergence, which is the form that is published, and by entropies, as it is computed."""
    P = of(problem)
    wanted = by_divergence(P, P[:6])
    np.testing.assert_allclose(ours(P, P[:6]), wanted, atol=1e-12)
    np.testing.assert_allclose(ours(P, P[:6], dtype=torch.float32), wanted, atol=3e-6)


@pytest.mark.parametrize(
    ("row", "target", "told"), [(A, A, 0.6931), (A, C, 0.2754), (C, C, 0.1275), (B, A, 0), (B, C, 0)]
)
def test_two_models(row, target, told):
    assert ours(row[None], target[None]).item() == pytest.approx(told, abs=5e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds(dtype):
    """A label tells no more about others than about the posterior samples, nor than these do."""
    P = by_samples(N=50, T=8, C=4)
    found = ours(P, P[:20], dtype=dtype)
    bald = entropy(P.mean(axis=1)) - entropy(P).mean(axis=1)
    assert (found >= 0).all()
    assert (found.numpy() <= bald + 1e-6).all()
    assert found.max() <= bald[:20].mean() + 1e-6
    assert found.max() > found.min() > 0.01


def test_one_posterior_sample_says_nothing():
    P = by_samples(T=1)
    for dtype, most in ((torch.float64, 1e-12), (torch.float32, 2e-6)):
        assert scored(P, dtype=dtype).max() <= most


def test_independent_masks_would_find_nothing():
    """Trap: with posterior samples of a target's own the joint distribution is a product."""
    P = np.repeat(by_samples(N=1, T=4000, C=3), 2, axis=0)
    shared = ours(P[:1], P[1:]).item()
    apart = ours(P[:1], P[1:, np.random.default_rng(0).permutation(4000)]).item()
    assert shared > 0.1
    assert apart < 0.01


def test_probabilities_of_exactly_0():
    """Trap: 0 log 0 is 0."""
    P = np.eye(3)[np.random.default_rng(0).integers(3, size=(9, 8))]
    np.testing.assert_allclose(ours(P, P, dtype=torch.float32), by_divergence(P, P), atol=3e-6)


def test_a_target_may_be_the_row_itself():
    P = by_samples()
    np.testing.assert_allclose(scored(P), by_divergence(P, P), atol=1e-12)


class TestTargets:
    def test_they_do_not_depend_on_the_order_of_the_pool(self):
        P = by_samples(N=100)
        order = np.random.default_rng(0).permutation(100)
        found = scored(P, targets=5)
        np.testing.assert_allclose(scored(P[order], targets=5, block=64), found[order], atol=1e-12)
        assert (found - scored(P)).abs().max() > 1e-3

    def test_another_seed_has_others(self):
        P = by_samples(N=100)
        assert not torch.allclose(scored(P, targets=5), scored(P, targets=5, seed=1))

    def test_those_of_known_class_shares_are_weighed(self):
        P = by_samples(N=40, C=3)
        mean = P[:9].mean(axis=1)
        weights = (mean * [0.2, 0, 0.8] / mean.mean(axis=0)).sum(axis=1)
        each = np.stack([by_divergence(P, target[None]) for target in P[:9]])
        wanted = weights @ each / weights.sum()
        np.testing.assert_allclose(ours(P, P[:9], (0.2, 0, 0.8)), wanted, atol=1e-12)
        np.testing.assert_allclose(ours(P, P[:9], (1, 0, 4)), wanted, atol=1e-12)
        assert not np.allclose(ours(P, P[:9]), wanted, atol=1e-3)


@pytest.mark.parametrize("most", [0, 10**9])
def test_what_is_not_kept_is_made_again(most):
    P = by_samples(N=100)
    np.testing.assert_allclose(scored(P, 20, most=most), scored(P, 20, block=100), atol=1e-12)


def test_what_is_chosen_in_float32_is_what_is_chosen_in_float64():
    P = by_samples(N=200, T=20, C=5, scale=1.0)
    one, other = (
        scored(P, 50, dtype=dtype).topk(10).indices.tolist() for dtype in (torch.float32, torch.float64)
    )
    assert one == other


class TestQueries:
    def test_of_probabilities_by_members(self):
        P = by_samples(N=80, T=7, C=4)
        result = alframe.query("epig", probs=P.swapaxes(0, 1), n=5, device="cpu")
        np.testing.assert_allclose(result.scores, by_divergence(P, P), atol=3e-6)
        assert result.indices.tolist() == result.scores.argsort(descending=True)[:5].tolist()
        few = alframe.query("epig", probs=P.swapaxes(0, 1), n=5, options={"samples": 3}, device="cpu")
        np.testing.assert_allclose(few.scores, by_divergence(P[:, :3], P[:, :3]), atol=3e-6)

    def test_masks_are_the_same_in_all_rows(self, make):
        problem = make(N=30, C=3)
        problem.query["features"] = np.repeat(problem.X[:1], 30, axis=0)
        result = alframe.query("epig", **problem.query)
        assert result.scores.min() > 0.01
        torch.testing.assert_close(result.scores, result.scores[:1].expand(30), atol=1e-6, rtol=0)

    def test_class_shares_are_as_many_as_classes(self, make):
        problem = make(C=3)
        options = {"class_shares": "0.5,0.3,0.2"}
        assert alframe.query("epig", options=options, **problem.query).scores.isfinite().all()
        with pytest.raises(UsageError, match="epig.class_shares has 2 numbers, and there are 3 classes"):
            alframe.query("epig", options={"class_shares": (0.5, 0.5)}, **problem.query)

    @pytest.mark.parametrize(
        "options",
        [{"samples": 1}, {"targets": 0}, {"class_shares": (0.0, 0.0)}, {"class_shares": (-1.0, 2.0)}],
    )
    def test_options_outside_their_range(self, options, make):
        with pytest.raises(UsageError, match="options of 'epig'"):
            alframe.query("epig", options=options, **make().query)
