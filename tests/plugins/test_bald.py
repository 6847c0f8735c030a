import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

import alframe
from alframe import Classifier, UsageError
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
