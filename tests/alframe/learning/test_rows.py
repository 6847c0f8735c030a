import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.contract.views import PoolView
from alframe.data.samples import Samples
from alframe.learning.rows import FeatureRows, NetworkRows

CPU = torch.device("cpu")


def test_inputs_are_made_of_stored_bytes(linear_model):
    stored = torch.arange(12, dtype=torch.uint8).reshape(4, 3)
    samples = Samples(stored, CPU, lambda batch: batch.float() / 2)
    pool = PoolView(NetworkRows(linear_model.eval(), samples, torch.tensor([3, 0]), seed=0))
    assert torch.equal(next(pool.inputs()), stored[[3, 0]] / 2)
    assert torch.equal(pool.features, stored[[3, 0]] / 2)
    assert torch.equal(pool.samples().stored, stored[[3, 0]])


def test_batches_do_not_change_the_numbers(view_of, linear_model, inputs, monkeypatch):
    whole = view_of(linear_model, inputs).probs
    monkeypatch.setattr("alframe.contract.views.BATCH_SIZE", 7)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 12)
    torch.testing.assert_close(view_of(linear_model, inputs).probs, whole)


class TestMonteCarloDropout:
    def test_passes_differ_repeat_and_average_to_the_expectation(self, view_of, inputs):
        torch.manual_seed(0)
        model = Classifier(nn.Identity(), nn.Linear(3, 2), dropout=0.5).eval()
        passes = torch.stack(list(view_of(model, inputs).mc_probs(400)))
        assert passes.shape == (400, 30, 2)
        assert not torch.equal(passes[0], passes[1])
        again = next(view_of(model, inputs).mc_probs(1))
        assert torch.equal(again, passes[0])
        masks = torch.cartesian_prod(*[torch.tensor([0.0, 2.0])] * 3)  # the eight masks of three features
        expected = torch.stack([model.head(inputs * mask).softmax(1) for mask in masks]).mean(0)
        assert (passes.mean(0) - expected).abs().max() < 0.08

    def test_the_body_runs_once_when_dropout_is_behind_the_features(self, view_of, inputs, count_calls):
        model = Classifier(nn.Identity(), nn.Linear(3, 2), dropout=0.5).eval()
        model.features = counted = count_calls(model.features)
        list(view_of(model, inputs).mc_probs(5))
        assert counted.counter.calls == 1

    @pytest.mark.parametrize("inside", [False, True])
    def test_nothing_of_the_network_moves(self, view_of, inputs, inside):
        body = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5 if inside else 0.0))
        model = Classifier(body, nn.Linear(3, 2), dropout=0.5).eval()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        first, second = view_of(model, inputs).mc_probs(2)
        assert not torch.equal(first, second)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert not any(module.training for module in model.modules())
        assert torch.equal(torch.get_rng_state(), state)

    def test_dropout_in_the_body_counts_unless_it_is_frozen(self, view_of, inputs, count_calls):
        model = Classifier(nn.Sequential(nn.Dropout(0.5)), nn.Linear(3, 2), dropout=0.0).eval()
        first, second = view_of(model, inputs).mc_probs(2)
        assert not torch.equal(first, second)
        model.freeze(model.body)
        with pytest.raises(UsageError, match="needs a network with dropout"):
            next(view_of(model, inputs).mc_probs(1))
        model.dropout.p = 0.5
        model.features = counted = count_calls(model.features)
        first, second = view_of(model, inputs).mc_probs(2)
        assert not torch.equal(first, second)
        assert counted.counter.calls == 1  # what is frozen drops nothing, so the features stay the same

    def test_a_network_without_dropout_is_an_error_that_helps(self, view_of, linear_model, inputs):
        with pytest.raises(UsageError, match=r"needs a network with dropout.*model.dropout=0.5"):
            next(view_of(linear_model, inputs).mc_probs(2))


class TestFeaturesAlone:
    def test_features_and_logits(self, view_of, inputs):
        head = nn.Linear(3, 2)
        pool = PoolView(FeatureRows(inputs, head))
        assert pool.features is inputs
        torch.testing.assert_close(pool.logits, head(inputs).detach())

    def test_what_they_cannot_give_is_said(self, view_of, inputs):
        pool = PoolView(FeatureRows(inputs, None))
        with pytest.raises(UsageError, match=r"pass head=\(W, b\)"):
            _ = pool.probs
        with pytest.raises(UsageError, match="needs the network and its inputs"):
            pool.inputs()
        with pytest.raises(UsageError, match=r"pass head=\(W, b\)"):
            next(pool.mc_probs(2))

    def test_dropout_applies_to_the_features(self, view_of, inputs):
        """The mean over many passes is near the head's own answer, and no pass is like another."""
        ones = torch.ones(4, 200)
        pool = PoolView(FeatureRows(ones, nn.Linear(200, 2, bias=False)))
        first, second = pool.mc_probs(2, dropout=0.5)
        assert not torch.equal(first, second)
        assert torch.equal(first, next(pool.mc_probs(1, dropout=0.5)))

        class Look(nn.Module):
            def forward(self, z):
                self.seen = z
                return z[:, :2]

        head = Look()
        next(next(FeatureRows(ones, head).mc_probs(range(1), 0.25)))
        assert (head.seen == 0).float().mean() == pytest.approx(0.25, abs=0.05)
        assert head.seen.mean() == pytest.approx(1.0, abs=0.05)

    def test_features_without_distances_have_logits_all_the_same(self, view_of, inputs):
        head = nn.Linear(3, 2)
        nn.init.constant_(head.weight, 1e-30)
        pool = PoolView(FeatureRows(inputs * 1e30, head, largest=1e30))
        assert torch.isfinite(pool.logits).all()
        assert torch.isfinite(pool.probs).all()
        with pytest.raises(UsageError, match=r"features are as large as 1e\+30"):
            _ = pool.features
