import math

import numpy as np
import pytest
import torch
from scipy import special

import alframe
from alframe import UsageError
from alframe_bald._bald import mutual_information
from alframe_batchbald import _batchbald
from alframe_batchbald._batchbald import greedy
from alframe_batchbald._candidates import Candidates
from alframe_batchbald._joint import Joint

TWO_MODELS = np.array(  # rows a, b, c of two classes under two posterior samples: N x T x C
    [[[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.2, 0.8]]], dtype=float
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def by_samples(N=60, T=6, C=3, seed=0, scale=2.0):
    """Probabilities ``N x T x C``."""
    return special.softmax(scale * np.random.default_rng(seed).normal(size=(N, T, C)), axis=2)


def candidates(P, dtype=torch.float64, allowed=None, most=10**9, block=7):
    """Rows as a view streams them, a few at a time."""
    passes = torch.tensor(P, dtype=dtype).transpose(0, 1)

    def stream(function):
        return torch.cat(
            [function(iter(part)) for part in zip(*(p.split(block) for p in passes), strict=True)]
        )

    every = torch.ones(len(P), dtype=torch.bool)
    return Candidates(stream, every if allowed is None else allowed, P.shape[1], most)


def batch(P, n, configurations=10**6, seed=0, **changes):
    return greedy(candidates(P, **changes), n, configurations, generator(seed))


def transcribed(P, picks):
    """Gains of all rows at each pick, ``a(S) = H(y_S) - sum_i E_w H(y_i|w)``, by all configurations."""
    cond = special.entr(P).sum(axis=2).mean(axis=1)
    Q, gains, a, cond_S = np.ones((1, P.shape[1])), [], 0.0, 0.0
    for pick in picks:
        h = np.array([special.entr(Q @ rows / P.shape[1]).sum() for rows in P])
        gains.append(h - (cond + cond_S + a))
        a, cond_S = a + gains[-1][pick], cond_S + cond[pick]
        Q = (Q[:, None, :] * P[pick].T).reshape(-1, P.shape[1])
    return np.array(gains)


def of(problem, T=5):
    """The problem's probabilities under heads with features dropped."""
    masks = 2 * np.random.default_rng(0).integers(2, size=(T, problem.X.shape[1]))
    return np.stack([special.softmax(problem.X * m @ problem.W.T + problem.b, axis=1) for m in masks], 1)


def test_the_batch_is_the_formula_in_float64(problem):
    P = of(problem)
    found = batch(P, 3 if P.shape[2] < 50 else 2)
    gains = transcribed(P, found.picks.tolist())
    chosen = gains[range(len(gains)), found.picks]
    np.testing.assert_allclose(found.gains, chosen, atol=_batchbald.NOTHING)
    np.testing.assert_allclose(found.gains[0], chosen[0], atol=1e-9)
    for k, pick in enumerate(found.picks.tolist()):
        others = np.delete(gains[k], found.picks[:k])
        assert chosen[k] >= others.max() - 2 * _batchbald.NOTHING, pick
    assert found.information == pytest.approx(chosen.sum(), abs=_batchbald.NOTHING)


class TestTwoModels:
    """What is known of two posterior samples and three samples of the pool."""

    def test_bald_of_each(self):
        np.testing.assert_allclose(candidates(TWO_MODELS).information, [0.6931, 0, 0.2754], atol=5e-5)

    @pytest.mark.parametrize(("rows", "told"), [("aa", 0.6931), ("ac", 0.6931), ("cc", 0.4233)])
    def test_what_two_labels_tell(self, rows, told):
        P = TWO_MODELS[["abc".index(row) for row in rows]]
        assert batch(P, 2).information == pytest.approx(told, abs=5e-5)

    def test_after_the_first_nothing_is_left_and_the_best_alone_follows(self):
        found = batch(TWO_MODELS, 3)
        assert found.picks.tolist() == [0, 2, 1]
        assert found.gains[1:] == [0, 0]
        assert found.most == pytest.approx(math.log(2))
        assert found.beyond == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds(dtype):
    """A label tells no more beyond others than alone, and all together no more than ``log T``."""
    P = by_samples(N=60, T=6, C=3)
    found = batch(P, 8, dtype=dtype)
    alone = candidates(P).information[found.picks]
    assert found.gains[0] == pytest.approx(float(alone.max()), abs=1e-6)  # the first pick is BALD's best
    assert (torch.tensor(found.gains) <= alone + 1e-6).all()
    assert (np.diff(found.gains) < 1e-6).all()
    assert sum(found.gains) <= math.log(6) + 1e-6
    assert len(found.picks.unique()) == 8


def test_what_is_chosen_in_float32_is_what_is_chosen_in_float64():
    for seed in range(2):
        P = by_samples(N=200, T=20, C=4, seed=seed, scale=1.0)
        one, other = (batch(P, 6, 200, dtype=dtype) for dtype in (torch.float32, torch.float64))
        assert one.picks.tolist() == other.picks.tolist()


class TestDrawn:
    """Configurations are drawn where all are too many."""

    def both(self, P, picks, most):
        joints = Joint(P.shape[1], 10**9, generator(), None), Joint(P.shape[1], most, generator(), None)
        for pick in picks:
            for joint in joints:
                joint.add(torch.tensor(P[pick].T))
        return joints

    def test_they_are_right_within_three_standard_errors(self):
        P = by_samples(N=20, T=10, C=3)
        exact, drawn = self.both(P, [0, 1, 2, 3, 4], most=200)
        assert drawn.drawn is not None
        assert len(drawn.weights) == 200
        rows = torch.tensor(P).transpose(1, 2)
        each = torch.special.entr(rows @ drawn.posterior.T).sum(1)
        error = each.std(dim=1) / math.sqrt(200)
        difference = (drawn.entropies(rows) - exact.entropies(rows)).abs()
        assert (difference < 3 * error).float().mean() > 0.9
        torch.testing.assert_close(drawn.entropies(rows), each.mean(dim=1))

    def test_they_are_drawn_once_and_extended(self):
        """Trap: drawn anew for each pick, their gains could not be compared."""
        P = by_samples(N=20, T=10, C=3)
        _, joint = self.both(P, [0, 1, 2], most=20)
        before, drawn = joint.posterior, joint.drawn
        joint.add(torch.tensor(P[3].T))
        assert torch.equal(joint.drawn, drawn)
        extended = before[:, None] * torch.tensor(P[3].T)
        extended /= extended.sum(dim=2, keepdim=True)
        assert torch.isclose(extended, joint.posterior[:, None]).all(dim=2).any(dim=1).all()

    def test_each_posterior_sample_draws_as_many_by_its_own_probabilities(self):
        P = by_samples(N=1, T=2, C=3)
        joint = Joint(2, 20_000, generator(), None)
        joint._start_drawing(2)
        joint._chosen.append(torch.tensor(P[0].T))
        joint._extend(torch.tensor(P[0].T))
        labels = (joint.posterior[:, :1] - torch.tensor(P[0, 0] / P[0].sum(axis=0))).abs().argmin(dim=1)
        for t in range(2):
            shares = labels[joint.drawn == t].bincount(minlength=3) / 10_000
            np.testing.assert_allclose(shares, P[0, t], atol=0.02)

    def test_what_can_not_be_is_not_counted(self):
        """Posterior samples that are sure have as many configurations as there are of them, at most."""
        P = np.eye(3)[np.random.default_rng(0).integers(3, size=(12, 5))]
        joint = self.both(P, range(12), most=20)[1]
        assert joint.drawn is None
        assert len(joint.weights) <= 5


class TestLazily:
    def test_what_is_not_evaluated_would_not_be_chosen(self, monkeypatch):
        P = by_samples(N=200, T=20, C=4, scale=1.0)
        monkeypatch.setattr(_batchbald, "WORTH", 0)
        found = batch(P, 7, 1500)
        monkeypatch.setattr(_batchbald, "WORTH", 10**9)  # no bounds by groups
        monkeypatch.setattr(_batchbald, "FIRST", 200)
        assert batch(P, 7, 1500).picks.tolist() == found.picks.tolist()

    def test_groups_of_configurations_have_bounds(self):
        P = torch.tensor(by_samples(N=40, T=20, C=4)).transpose(1, 2)
        for most in (10**6, 1500):
            joint = Joint(20, most, generator(), None)
            for row in P[:6]:
                joint.add(row)
            coarse = joint.coarse()
            assert len(coarse.weights) == 256
            assert (coarse.entropies(P) >= joint.entropies(P) - 1e-9).all()

    @pytest.mark.parametrize("most", [0, 10 * 4 * 20])
    def test_what_is_not_kept_is_made_again(self, most):
        P = by_samples(N=100, T=20, C=4, scale=1.0)
        found = batch(P, 8, 300, most=most, block=25)
        wanted = batch(P, 8, 300)
        assert found.picks.tolist() == wanted.picks.tolist()
        assert found.gains == wanted.gains


def test_copies_of_the_best_are_not_taken_together():
    """As BALD does: after one of them another tells more."""
    P = by_samples(N=30, T=8, C=3, scale=1.0)
    P[:5] = P[batch(P, 1).picks]
    alone = candidates(P).information.argsort(descending=True)[:5]
    assert sorted(alone.tolist()) == [0, 1, 2, 3, 4]
    assert len(set(batch(P, 5).picks.tolist()) & {0, 1, 2, 3, 4}) < 4


def test_probabilities_of_exactly_0():
    """Trap: 0 log 0 is 0, also in the joint distribution."""
    P = np.eye(3)[np.random.default_rng(0).integers(3, size=(9, 8))]
    for most in (10**6, 3):
        found = batch(P, 9, most, dtype=torch.float32)
        assert np.isfinite(found.gains).all()
        assert sorted(found.picks.tolist()) == list(range(9))


def test_the_order_of_the_pool_does_not_matter():
    P = by_samples(N=200, T=20, C=4, scale=1.0)
    order = np.random.default_rng(1).permutation(200)
    wanted = batch(P, 6, 100, dtype=torch.float32).picks
    assert order[batch(P[order], 6, 100, dtype=torch.float32, block=64).picks].tolist() == wanted.tolist()


class TestQueries:
    def test_of_probabilities_by_members(self):
        P = by_samples(N=80, T=7, C=4)
        result = alframe.query("batchbald", probs=P.swapaxes(0, 1), n=5, device="cpu")
        wanted = batch(P.astype(np.float32), 5, dtype=torch.float32)
        assert result.indices.tolist() == wanted.picks.tolist()
        logged = result.logged["batchbald"]
        assert logged["information"] == pytest.approx(wanted.information)
        assert logged["most_information"] == pytest.approx(math.log(7))
        assert logged["picks_beyond_it"] == wanted.beyond
        few = alframe.query("batchbald", probs=P.swapaxes(0, 1), n=5, options={"samples": 3}, device="cpu")
        assert few.logged["batchbald"]["most_information"] == pytest.approx(math.log(3))

    def test_scores_are_balds_and_the_first_pick_is_the_best_by_them(self, make):
        problem = make()
        options = {"samples": 9}
        result = alframe.query("batchbald", options=options, **problem.query)
        bald = alframe.query("bald", options={"passes": 9, "masks": "shared"}, **problem.query)
        torch.testing.assert_close(result.scores, bald.scores, atol=1e-6, rtol=0)
        assert result.indices[0] == result.scores.argmax()

    def test_masks_are_the_same_in_all_rows(self, make):
        """Trap: with masks of each row's own there is no joint distribution, and copies seem to tell more."""
        problem = make(N=30, C=3)
        problem.query |= {"features": np.repeat(problem.X[:1], 30, axis=0), "n": 4}
        result = alframe.query("batchbald", options={"samples": 50}, **problem.query)
        alone = float(result.scores[0])
        assert torch.allclose(result.scores, torch.tensor(alone), atol=1e-6)
        assert result.logged["batchbald"]["information"] < 3 * alone

    def test_of_a_random_subset(self, make):
        problem = make(N=150, n=4)
        chosen = set()
        for seed in range(3):
            result = alframe.query("batchbald", seed=seed, options={"subset": 5}, **problem.query)
            assert result.topped_up == 0
            chosen |= set(result.indices.tolist())
        assert len(chosen) > 8
        whole = alframe.query("batchbald", options={"subset": 150}, **problem.query).indices
        assert whole.tolist() == alframe.query("batchbald", **problem.query).indices.tolist()

    @pytest.mark.parametrize("options", [{"samples": 1}, {"configurations": 0}, {"dropout": 1.0}])
    def test_options_outside_their_range(self, options, make):
        with pytest.raises(UsageError, match="options of 'batchbald'"):
            alframe.query("batchbald", options=options, **make().query)


def test_information_alone_is_balds():
    P = by_samples()
    passes = torch.tensor(P).transpose(0, 1)
    torch.testing.assert_close(candidates(P).information, mutual_information(iter(passes)))
