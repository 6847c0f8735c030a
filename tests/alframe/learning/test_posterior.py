import copy

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

import alframe
from alframe import Classifier, UsageError
from alframe.contract.views import LabelledView, PoolView
from alframe.data.samples import Samples
from alframe.learning.posterior import SharedMasks, dropping_layers
from alframe.learning.rows import FeatureRows, NetworkRows
from alframe.registry.registry import Registry

CPU = torch.device("cpu")
MAP = (2, 4, 4)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(kind):
    """A network of 32 inputs and 3 classes, with dropout somewhere."""
    torch.manual_seed(0)
    if kind == "behind the features":
        return Classifier(nn.Sequential(nn.Linear(32, 8), nn.ReLU()), nn.Linear(8, 3), 0.5)
    if kind == "in the head":
        return Classifier(nn.Linear(32, 8), nn.Sequential(nn.Dropout(0.4), nn.Linear(8, 3)), 0.25)
    if kind == "in the body":
        body = nn.Sequential(nn.Linear(32, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        return Classifier(body, nn.Linear(8, 3), 0.5)
    layer = {"of maps": nn.Dropout(0.5), "of channels": nn.Dropout2d(0.5)}[kind]
    return Classifier(nn.Sequential(nn.Unflatten(1, MAP), layer, nn.Flatten(), nn.ReLU()), nn.Linear(32, 3))


KINDS = ["behind the features", "in the head", "in the body", "of maps", "of channels"]


def rows_of(model, inputs, seed=3, **more):
    return NetworkRows(model.eval(), Samples(inputs, CPU), torch.arange(len(inputs)), seed, **more)


def stacked(rows, samples=6, **more):
    return torch.stack(list(PoolView(rows).sample_probs(samples, **more)))


@pytest.fixture(params=KINDS)
def model(request):
    return network(request.param)


class TestOneFunctionForAllRows:
    def test_a_row_of_pool_and_labelled_set_has_equal_probabilities_in_every_sample(self, model):
        """And Monte Carlo passes, whose masks are each row's own, tell the two rows apart."""
        twin = draw(1, 32, seed=9)
        pool, labelled = torch.cat([draw(40, 32), twin]), torch.cat([draw(3, 32, seed=1), twin, twin])
        views = PoolView(rows_of(model, pool)), LabelledView(rows_of(model, labelled), torch.zeros(5).long())
        of_pool, of_labelled = (torch.stack(list(view.sample_probs(8))) for view in views)
        for row in (3, 4):
            torch.testing.assert_close(of_pool[:, 40], of_labelled[:, row], rtol=1e-5, atol=1e-6)
        assert not torch.equal(of_pool[0], of_pool[1])
        passes = torch.stack(list(views[1].mc_probs(8)))
        assert (passes[:, 3] - passes[:, 4]).abs().max() > 1e-3

    def test_the_size_of_blocks_does_not_matter(self, model, monkeypatch):
        inputs = draw(60, 32)
        whole = stacked(rows_of(model, inputs))
        monkeypatch.setattr("alframe.learning.rows.BATCH_SIZE", 7)
        monkeypatch.setattr("alframe.ops.blocks.BATCH_SIZE", 7)
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 56)
        torch.testing.assert_close(stacked(rows_of(model, inputs)), whole, rtol=1e-5, atol=1e-6)
        by_rows = PoolView(rows_of(model, inputs)).sample_by_rows(lambda s: torch.stack(list(s), dim=1), 6)
        torch.testing.assert_close(by_rows.transpose(0, 1), whole, rtol=1e-5, atol=1e-6)

    def test_a_sample_is_the_same_however_many_are_asked_for(self, model):
        inputs = draw(20, 32)
        assert torch.equal(stacked(rows_of(model, inputs), 2), stacked(rows_of(model, inputs), 5)[:2])
        first = PoolView(rows_of(model, inputs)).sample_by_rows(lambda samples: next(samples), 4)
        assert torch.equal(first, stacked(rows_of(model, inputs), 1)[0])

    def test_the_seed_decides_and_nothing_else(self, model):
        inputs, state = draw(20, 32), torch.get_rng_state()
        first = stacked(rows_of(model, inputs))
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(77)
        assert torch.equal(stacked(rows_of(copy.deepcopy(model), inputs)), first)
        assert not torch.equal(stacked(rows_of(model, inputs, seed=4)), first)

    def test_the_mean_over_many_is_that_of_passes_with_own_masks(self, model):
        inputs = draw(5, 32)
        shared = stacked(rows_of(model, inputs), 500)
        own = torch.stack(list(PoolView(rows_of(model, inputs)).mc_probs(500)))
        error = ((shared.var(dim=0) + own.var(dim=0)) / 500).sqrt()
        assert error.max() < 0.03
        assert ((shared.mean(dim=0) - own.mean(dim=0)).abs() < 4 * error).all()

    def test_nothing_of_the_network_moves_and_no_hook_stays(self, model):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        stacked(rows_of(model, draw(20, 32)))
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        for module in model.modules():
            assert not module.training
            assert not module._forward_hooks


class TestFormula:
    @pytest.mark.parametrize("rate", [0.25, 0.5])
    def test_is_the_head_of_scaled_features_in_float64(self, rate):
        """``softmax(W diag(mask) z / (1 - rate) + b)``: a change of the head; of features alone it is too."""
        inputs, head = draw(30, 8), network("behind the features").head
        model = Classifier(nn.Identity(), head, rate)
        W, b = head.weight.detach().double().numpy(), head.bias.detach().double().numpy()
        for t, probs in enumerate(PoolView(rows_of(model, inputs)).sample_probs(5)):
            mask = (SharedMasks(3, t).drop(torch.ones(1, 8), rate) > 0).double().numpy()[0]
            logits = inputs.double().numpy() @ (W * mask / (1 - rate)).T + b
            np.testing.assert_allclose(probs, special.softmax(logits, axis=1), atol=2e-6)
        of_features = stacked(FeatureRows(inputs, head, seed=3), dropout=rate)
        torch.testing.assert_close(of_features, stacked(rows_of(model, inputs)))

    def test_the_share_that_is_dropped(self):
        kept = SharedMasks(0, 0).drop(torch.ones(2, 20_000), 0.25)
        assert torch.equal(kept[0], kept[1])
        torch.testing.assert_close(kept.unique(), torch.tensor([0.0, 4 / 3]))
        assert (kept == 0).float().mean() == pytest.approx(0.25, abs=0.015)

    def test_channels_are_dropped_as_a_whole(self):
        seen = self.seen("of channels")
        flat = seen.flatten(2)
        assert ((flat == 0).all(dim=2) | (flat == 2).all(dim=2)).all()
        assert torch.equal(seen[0].expand_as(seen), seen)
        maps = self.seen("of maps")
        assert 0 < (maps[0] == 0).sum() < 32
        assert torch.equal(maps[0].expand_as(maps), maps)

    def seen(self, kind):
        """What the layer makes of ones."""
        model, made = network(kind).eval(), []
        layer = model.body[1]
        with SharedMasks(0, 1).in_force([layer], rows=6):
            layer.register_forward_hook(lambda layer, inputs, output: made.append(output))
            model(torch.ones(6, 32))
        return made[0]

    def test_a_layer_that_is_called_twice_has_two_masks(self):
        layer = nn.Dropout(0.5).eval()
        with SharedMasks(0, 0).in_force([layer], rows=4):
            first, second = layer(torch.ones(4, 64)), layer(torch.ones(4, 64))
        assert not torch.equal(first, second)
        assert torch.equal(first[0].expand_as(first), first)

    def test_frozen_dropout_drops_nothing_and_the_body_runs_once(self, count_calls):
        model = network("in the body")
        model.freeze(model.body)
        model.features = counted = count_calls(model.features)
        samples = stacked(rows_of(model, draw(20, 32)))
        assert counted.counter.calls == 1
        assert not torch.equal(samples[0], samples[1])


@pytest.fixture
def members():
    return [{"head.weight": draw(3, 8, seed=s), "head.bias": draw(3, seed=s)} for s in (1, 2, 3)]


class TestCommittee:
    def test_samples_are_its_members_with_and_without_dropout(self, members):
        inputs = draw(20, 32)
        for rate in (0.0, 0.5):
            model = network("behind the features")
            model.dropout.p = rate
            view = PoolView(rows_of(model, inputs, members=members))
            wanted = list(view.member_probs())
            assert all(map(torch.equal, view.sample_probs(3), wanted))
            two = view.sample_by_rows(lambda samples: torch.stack(list(samples), dim=1), 2)
            assert torch.equal(two, torch.stack(wanted[:2], dim=1))

    def test_more_samples_than_members_are_an_error_before_any_is_made(self, members):
        view = PoolView(rows_of(network("behind the features"), draw(20, 32), members=members))
        message = "4 posterior samples were asked for, and the committee has 3 members"
        with pytest.raises(UsageError, match=message):
            next(view.sample_probs(4))
        with pytest.raises(UsageError, match=message):
            view.sample_by_rows(lambda samples: next(samples), 4)


class TestWhatCanNotBe:
    def test_a_network_without_dropout(self, linear_model, inputs):
        with pytest.raises(
            UsageError, match=r"need a committee.* or a network with dropout.*model.dropout=0.5"
        ):
            stacked(rows_of(linear_model, inputs))

    def test_dropout_of_another_kind(self):
        model = Classifier(nn.Sequential(nn.Linear(3, 4), nn.AlphaDropout(0.5)), nn.Linear(4, 2))
        with pytest.raises(UsageError, match="and the network has AlphaDropout"):
            dropping_layers(model)

    def test_samples_that_are_not_in_the_first_dimension(self):
        class SequenceFirst(nn.Module):
            def __init__(self):
                super().__init__()
                self.dropout = nn.Dropout(0.5)

            def forward(self, x):
                return self.dropout(x.reshape(len(x), 5, 2).transpose(0, 1)).mean(dim=0)

        model = Classifier(SequenceFirst(), nn.Linear(2, 2))
        with pytest.raises(UsageError, match=r"in the first dimension.*of 8 samples came \[5, 8, 2\]"):
            stacked(rows_of(model, draw(8, 10)))
        assert not model.body.dropout._forward_hooks

    def test_features_without_a_head(self, inputs):
        with pytest.raises(UsageError, match=r"pass head=\(W, b\)"):
            stacked(FeatureRows(inputs, None))

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_rows(self, kind):
        assert stacked(rows_of(network(kind), draw(0, 32))).shape == (6, 0, 3)


def test_a_learner_that_goes_on_has_the_same_samples(toy, make_plugin):
    seen = []

    def alframe_score(pool, labelled):
        seen.append([torch.cat(list(view.sample_probs(2))) for view in (pool, labelled)])
        return pool.features[:, 0]

    registry = Registry()
    registry.register(make_plugin(alframe_score=alframe_score), "watching")

    def learner():
        options = {"dropout": 0.5, "hidden": 8}
        return alframe.ActiveLearner(
            toy.hide_labels(), "mlp", "watching", registry=registry, model_options=options, device="cpu"
        )

    one = learner()
    picks = one.ask(10)
    one.tell(picks, toy.targets[picks])
    one.fit()
    saved = one.state_dict()
    one.ask(5)
    other = learner()
    other.load_state_dict(saved)
    other.ask(5)
    assert all(map(torch.equal, seen[-1], seen[-2]))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_has_the_same_functions(kind):
    model, inputs = network(kind), draw(30, 32)
    on_cpu = stacked(rows_of(model, inputs))
    device = torch.device("cuda")
    rows = NetworkRows(
        model.to(device), Samples(inputs.to(device), device), torch.arange(30, device=device), 3
    )
    torch.testing.assert_close(stacked(rows).cpu(), on_cpu, rtol=1e-3, atol=1e-4)
