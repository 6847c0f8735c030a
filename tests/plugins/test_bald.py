import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

import alframe
from alframe import Classifier, UsageError, seeds
from alframe.ops import dropout_mask
from alframe_bald._bald import mutual_information


def entropy(p):
    return special.entr(p).sum(axis=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_formula_in_float64(seed, classes, dtype):
    logits = 5 * torch.randn(7, 40, classes, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    passes = logits.softmax(2)
    p = passes.double().numpy()
    wanted = entropy(p.mean(axis=0)) - entropy(p).mean(axis=0)
    np.testing.assert_allclose(mutual_information(iter(passes)), wanted, atol=2e-6)


def test_exact_zeros_and_ones():
    """Two passes that are each certain, of different classes: all of log 2 nats is disagreement."""
    passes = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]])
    np.testing.assert_allclose(mutual_information(passes), [np.log(2), 0], atol=1e-7)


def test_passes_are_a_stream():
    """Two sums whatever the number of passes: none is kept, none is changed."""
    alive = []

    def passes():
        import weakref

        for step in range(5):
            p = torch.full((3, 2), 0.5) if step else torch.eye(3, 2)
            copy = p.clone()
            alive.append(weakref.ref(p))
            yield p
            assert torch.equal(p, copy)
            del p
            assert sum(ref() is not None for ref in alive) <= 1

    mutual_information(passes())


def test_a_query_on_features(problem):
    """Dropout on the features, then the head: the same passes give the same scores, transcribed."""
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    result = alframe.query("bald", options={"passes": 4, "dropout": 0.3}, **problem.query)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert result.scores.isfinite().all()
    assert (result.scores >= 0).all()
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    again = alframe.query("bald", options={"passes": 4, "dropout": 0.3}, **problem.query)
    assert torch.equal(result.scores, again.scores)


def test_scores_of_a_query_are_those_of_many_passes(make):
    """In the mean over 4,000 passes the score is that of the distribution of masks, enumerated."""
    problem = make(N=6, D=3, C=3, n=2)
    masks = np.array(list(np.ndindex(2, 2, 2)))
    p = special.softmax((problem.X[None] * masks[:, None] / 0.5) @ problem.W.T + problem.b, axis=2)
    wanted = entropy(p.mean(axis=0)) - entropy(p).mean(axis=0)
    result = alframe.query("bald", options={"passes": 4000, "dropout": 0.5}, **problem.query)
    np.testing.assert_allclose(result.scores, wanted, atol=0.03)


class TestSharedMasks:
    def test_is_the_formula_over_masks_of_all_rows_in_float64(self, make):
        """``masks=shared``: pass ``t`` is one head, ``W diag(mask_t) / (1 - rate)``."""
        problem, rate = make(N=40, D=6, C=4, n=5), 0.4
        options = {"passes": 7, "dropout": rate, "masks": "shared"}
        result = alframe.query("bald", seed=5, options=options, **problem.query)
        p = []
        for t in range(7):
            mask = dropout_mask(torch.ones(6), rate, seeds.generator(5, "posterior", t, 0)).double().numpy()
            p.append(special.softmax(problem.X @ (problem.W * mask / (1 - rate)).T + problem.b, axis=1))
        p = np.array(p)
        np.testing.assert_allclose(
            result.scores, entropy(p.mean(axis=0)) - entropy(p).mean(axis=0), atol=2e-6
        )

    @pytest.mark.parametrize(("masks", "equal"), [("shared", True), ("row", False)])
    def test_equal_samples_have_equal_scores_only_where_masks_are_shared(self, masks, equal, make):
        problem = make(N=40, D=6, C=4, n=5)
        problem.query["features"] = np.repeat(problem.X[:20], 2, axis=0)
        scores = alframe.query("bald", options={"masks": masks}, **problem.query).scores
        assert np.allclose(scores[::2], scores[1::2], atol=1e-6) == equal

    def test_scores_follow_the_rows(self, make):
        """As those with masks of each sample's own do not, which is an expected failure of the kit."""
        problem = make(N=40, D=6, C=4, n=5)
        scores = alframe.query("bald", options={"masks": "shared"}, **problem.query).scores
        problem.query["features"] = problem.query["features"][::-1].copy()
        again = alframe.query("bald", options={"masks": "shared"}, **problem.query).scores
        torch.testing.assert_close(again.flip(0), scores, rtol=1e-4, atol=1e-6)

    def test_passes_beyond_the_members_of_a_committee_are_refused(self):
        from alframe.contract.views import PoolView
        from alframe.data.samples import Samples
        from alframe.learning.rows import NetworkRows
        from alframe_bald import Options, alframe_score

        members = [{"head.weight": torch.randn(3, 4), "head.bias": torch.zeros(3)} for _ in range(4)]
        model = Classifier(nn.Identity(), nn.Linear(4, 3), 0.5).eval()
        samples = Samples(torch.randn(20, 4), torch.device("cpu"))
        pool = PoolView(NetworkRows(model, samples, torch.arange(20), 0, members=members))
        scores = alframe_score(pool, Options(passes=4, masks="shared"))
        assert torch.equal(scores, pool.members_by_rows(mutual_information))
        with pytest.raises(UsageError, match="ask for at most 4"):
            alframe_score(pool, Options(masks="shared"))
        assert alframe_score(pool, Options()).shape == (20,)  # Monte Carlo dropout, as published


class TestNetwork:
    def learner(self, body, dropout=0.0):
        digits = alframe.load_dataset("digits")
        model = Classifier(body, nn.Linear(32, 10), dropout)
        learner = alframe.ActiveLearner(digits.hide_labels(), model, "bald", device="cpu")
        picks = learner.ask(50)
        learner.tell(picks, digits.targets[picks])
        learner.fit()
        return learner

    def test_batch_norm_does_not_move(self):
        body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5))
        learner = self.learner(body)
        before = {name: value.clone() for name, value in learner.model.state_dict().items()}
        assert learner.query(10).scores.max() > 0
        for name, value in learner.model.state_dict().items():
            assert torch.equal(value, before[name])
        assert not any(layer.training for layer in learner.model.modules())

    def test_dropout_behind_the_features_runs_the_body_once(self, count_calls):
        learner = self.learner(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU()), dropout=0.5)
        body = learner.model.body
        body.forward = count_calls(body.forward)
        learner.query(10)
        assert body.forward.counter.calls == -(-len(learner.unlabelled) // 1024)

    def test_a_network_without_dropout_is_told_how_to_get_some(self):
        with pytest.raises(UsageError, match=r"-o model.dropout=0.5"):
            self.learner(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU()))


@pytest.mark.parametrize("options", [{"passes": 1}, {"dropout": 0.0}, {"dropout": 1.0}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'bald'"):
        alframe.query("bald", options=options, **make().query)
