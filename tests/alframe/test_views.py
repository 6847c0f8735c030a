import pytest
import torch
from torch import nn

from alframe import Classifier, UsageError
from alframe.data.samples import Samples
from alframe.ops.geometry import Euclidean
from alframe.views import FeatureRows, LabelledView, NetworkRows, PoolView, UnknownLabelsError

CPU = torch.device("cpu")


@pytest.fixture
def inputs():
    return torch.randn(30, 3, generator=torch.Generator().manual_seed(0))


def view_of(model, inputs, positions=None, **kwargs):
    positions = torch.arange(len(inputs)) if positions is None else positions
    return PoolView(NetworkRows(model.eval(), Samples(inputs, CPU), positions, seed=0), **kwargs)


def test_numbers_are_the_networks(linear_model, inputs):
    positions = torch.tensor([4, 2, 9])
    pool = view_of(linear_model, inputs, positions)
    assert len(pool) == 3
    assert torch.equal(pool.features, inputs[positions])
    torch.testing.assert_close(pool.logits, linear_model(inputs[positions]))
    torch.testing.assert_close(pool.probs, linear_model(inputs[positions]).softmax(1))
    assert torch.equal(torch.cat(list(pool.inputs(2))), inputs[positions])
    assert [len(batch) for batch in pool.inputs(2)] == [2, 1]


def test_inputs_are_made_of_stored_bytes(linear_model):
    stored = torch.arange(12, dtype=torch.uint8).reshape(4, 3)
    samples = Samples(stored, CPU, lambda batch: batch.float() / 2)
    pool = PoolView(NetworkRows(linear_model.eval(), samples, torch.tensor([3, 0]), seed=0))
    assert torch.equal(next(pool.inputs()), stored[[3, 0]] / 2)
    assert torch.equal(pool.features, stored[[3, 0]] / 2)
    assert torch.equal(pool.samples().stored, stored[[3, 0]])


def test_nothing_is_computed_until_read_and_then_once(linear_model, inputs, count_calls):
    linear_model.features = counted = count_calls(linear_model.features)
    pool = view_of(linear_model, inputs)
    len(pool)
    assert counted.counter.calls == 0
    _ = pool.probs, pool.logits, pool.features, pool.probs
    assert counted.counter.calls == 1


def test_batches_do_not_change_the_numbers(linear_model, inputs, monkeypatch):
    whole = view_of(linear_model, inputs).probs
    monkeypatch.setattr("alframe.views.BATCH_SIZE", 7)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 12)
    torch.testing.assert_close(view_of(linear_model, inputs).probs, whole)


def test_tensors_carry_no_graph_but_can_enter_one(linear_model, inputs):
    features = view_of(linear_model, inputs).features
    assert not features.requires_grad
    leaf = features.clone().requires_grad_()
    linear_model.head(leaf).sum().backward()
    assert leaf.grad is not None


def test_labels_of_the_pool_cannot_be_read(linear_model, inputs):
    with pytest.raises(UnknownLabelsError, match="unknown"):
        _ = view_of(linear_model, inputs).targets


def test_the_labelled_set_has_its_labels(linear_model, inputs):
    rows = NetworkRows(linear_model, Samples(inputs, CPU), torch.arange(2), seed=0)
    assert LabelledView(rows, torch.tensor([1, 2])).targets.tolist() == [1, 2]


def test_the_embedding_is_made_when_read(linear_model, inputs):
    made = []
    pool = view_of(linear_model, inputs, embed=lambda: made.append(1) or Euclidean(inputs))
    assert made == []
    assert pool.embedding is pool.embedding
    assert made == [1]


def test_an_embedder_cannot_read_its_own_answer(linear_model, inputs):
    with pytest.raises(RuntimeError, match="embedder"):
        _ = view_of(linear_model, inputs).embedding


class TestMonteCarloDropout:
    def test_passes_differ_repeat_and_average_to_the_expectation(self, inputs):
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

    def test_the_body_runs_once_when_dropout_is_behind_the_features(self, inputs, count_calls):
        model = Classifier(nn.Identity(), nn.Linear(3, 2), dropout=0.5).eval()
        model.features = counted = count_calls(model.features)
        list(view_of(model, inputs).mc_probs(5))
        assert counted.counter.calls == 1

    @pytest.mark.parametrize("inside", [False, True])
    def test_nothing_of_the_network_moves(self, inputs, inside):
        body = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5 if inside else 0.0))
        model = Classifier(body, nn.Linear(3, 2), dropout=0.5).eval()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        first, second = view_of(model, inputs).mc_probs(2)
        assert not torch.equal(first, second)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert not any(module.training for module in model.modules())
        assert torch.equal(torch.get_rng_state(), state)

    def test_dropout_in_the_body_counts_unless_it_is_frozen(self, inputs, count_calls):
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

    def test_a_network_without_dropout_is_an_error_that_helps(self, linear_model, inputs):
        with pytest.raises(UsageError, match=r"needs a network with dropout.*model.dropout=0.5"):
            next(view_of(linear_model, inputs).mc_probs(2))


class TestFeaturesAlone:
    def test_features_and_logits(self, inputs):
        head = nn.Linear(3, 2)
        pool = PoolView(FeatureRows(inputs, head))
        assert pool.features is inputs
        torch.testing.assert_close(pool.logits, head(inputs).detach())

    def test_what_they_cannot_give_is_said(self, inputs):
        pool = PoolView(FeatureRows(inputs, None))
        with pytest.raises(UsageError, match=r"pass head=\(W, b\)"):
            _ = pool.probs
        with pytest.raises(UsageError, match="needs the network and its inputs"):
            pool.inputs()
        with pytest.raises(UsageError, match=r"pass head=\(W, b\)"):
            next(pool.mc_probs(2))

    def test_dropout_applies_to_the_features(self, inputs):
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
        FeatureRows(ones, head).mc_probs(lambda: ones, 0, 0.25)
        assert (head.seen == 0).float().mean() == pytest.approx(0.25, abs=0.05)
        assert head.seen.mean() == pytest.approx(1.0, abs=0.05)
