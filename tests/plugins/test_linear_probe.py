import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import alframe
from alframe import (
    ActiveLearner,
    Classifier,
    Context,
    LabelledView,
    PluginError,
    Recipe,
    Training,
    TrainResult,
    TrialError,
    UsageError,
)
from alframe.data.samples import Samples
from alframe.learning.rows import FeatureRows, NetworkRows
from alframe.registry.registry import Registry
from alframe_linear_probe import Options
from alframe_linear_probe._newton import GRADIENT_TOLERANCE
from alframe_linear_probe._probe import bootstrap, probe, probe_together
from alframe_linear_probe._probe import fit as fit_heads

CPU = torch.device("cpu")


def fit(model, x, y, c=1.0, iterations=500, validation=None):
    def view(x, y):
        return LabelledView(NetworkRows(model, Samples(x, CPU), torch.arange(len(x)), 0), y)

    ctx = Context(0, 3, CPU, torch.Generator(), model)
    return probe(model, view(x, y), None if validation is None else view(*validation), c, iterations, ctx)


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_the_head_is_scikit_learns(toy, c):
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    x = toy.inputs / 3  # not separable
    result = fit(model, x, toy.targets, c)
    theirs = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(x.double(), toy.targets)
    np.testing.assert_allclose(model(x).softmax(1).detach(), theirs.predict_proba(x.double()), atol=2e-3)
    assert result.accuracy == pytest.approx(theirs.score(x.double(), toy.targets), abs=0.01)


def test_the_start_does_not_matter(toy):
    ends = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = Classifier(nn.Identity(), nn.Linear(6, 3))
        fit(model, toy.inputs, toy.targets)
        ends.append(model(toy.test_inputs).softmax(1))
    torch.testing.assert_close(*ends, atol=1e-3, rtol=0)


def test_a_class_without_labels_and_separable_data_have_an_end(toy):
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    two = toy.targets < 2
    result = fit(model, toy.inputs[two], toy.targets[two])
    assert result.accuracy == 1
    assert model.head.weight.norm() < 20


def test_the_validation_part_is_reported(toy):
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    result = fit(model, toy.inputs, toy.targets, validation=(toy.test_inputs, toy.test_targets))
    right = (model(toy.test_inputs).argmax(1) == toy.test_targets).float().mean().item()
    assert result.validation_accuracy == pytest.approx(right)
    assert fit(model, toy.inputs, toy.targets).validation_accuracy is None


def test_a_head_of_several_layers_is_refused(toy):
    model = Classifier(nn.Identity(), nn.Sequential(nn.Linear(6, 3)))
    with pytest.raises(UsageError, match="needs a head of one linear layer, got Sequential"):
        fit(model, toy.inputs, toy.targets)


def gradient(model, x, y, c):
    x, w, b = x.double(), model.head.weight.detach().double(), model.head.bias.detach().double()
    w.requires_grad_(), b.requires_grad_()
    loss = nn.functional.cross_entropy(x @ w.T + b, y) + w.square().sum() / (2 * c * len(y))
    return max(grad.abs().max().item() for grad in torch.autograd.grad(loss, (w, b)))


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_the_gradient_is_nothing_at_the_end(toy, c, scale):
    torch.manual_seed(0)
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    x = toy.inputs * scale
    result = fit(model, x, toy.targets, c)
    assert 0 < result.epochs < 50
    assert gradient(model, x, toy.targets, c) < 2 * GRADIENT_TOLERANCE


def test_it_is_what_lbfgs_comes_to(toy):
    model, x = Classifier(nn.Identity(), nn.Linear(6, 3)), toy.inputs.double()
    weight, bias = torch.zeros(3, 6, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(
        [weight.requires_grad_(), bias.requires_grad_()],
        max_iter=1000,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(x @ weight.T + bias, toy.targets) + weight.square().sum() / 240
        value.backward()
        return value

    optimizer.step(loss)
    fit(model, toy.inputs, toy.targets)
    torch.testing.assert_close(
        model(toy.inputs).double().softmax(1), (x @ weight.T + bias).softmax(1), atol=1e-4, rtol=0
    )


def test_a_far_start_comes_back(toy):
    """A full step of Newton's method would lead away from there: it is halved."""
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    with torch.no_grad():
        model.head.weight.mul_(100)
    fit(model, toy.inputs, toy.targets, c=100.0)
    assert gradient(model, toy.inputs, toy.targets, 100.0) < 2 * GRADIENT_TOLERANCE


def test_most_steps(toy):
    assert fit(Classifier(nn.Identity(), nn.Linear(6, 3)), toy.inputs, toy.targets, iterations=2).epochs == 2


def test_without_a_bias_and_with_a_frozen_one(toy):
    model = Classifier(nn.Identity(), nn.Linear(6, 3, bias=False))
    fit(model, toy.inputs / 3, toy.targets)
    theirs = LogisticRegression(tol=1e-8, fit_intercept=False).fit(toy.inputs / 3, toy.targets)
    np.testing.assert_allclose(model.head.weight.detach(), theirs.coef_, atol=2e-3)
    frozen = Classifier(nn.Identity(), nn.Linear(6, 3))
    with torch.no_grad():
        frozen.head.bias.zero_()
    frozen.freeze(frozen.head.bias)
    fit(frozen, toy.inputs / 3, toy.targets)
    assert not frozen.head.bias.any()
    torch.testing.assert_close(frozen.head.weight, model.head.weight, atol=1e-4, rtol=1e-4)


def test_features_that_are_no_numbers_end_the_trial(toy):
    model = Classifier(nn.Identity(), nn.Linear(6, 3))
    with pytest.raises(TrialError, match="loss of the linear probe became NaN"):
        fit(model, toy.inputs * torch.nan, toy.targets)


class TestTogether:
    def training(self, toy, seed, size=80, held_out=0, heard=None, scale=1.0):
        torch.manual_seed(seed)
        model = Classifier(nn.Identity(), nn.Linear(6, 3))
        order = torch.randperm(120, generator=torch.Generator().manual_seed(seed))

        def view(rows):
            x = toy.inputs[rows] * scale
            return LabelledView(
                NetworkRows(model, Samples(x, CPU), torch.arange(len(x)), 0), toy.targets[rows]
            )

        said = {} if heard is None else {"progress": lambda done, total: heard.append((seed, done, total))}
        ctx = Context(0, 3, CPU, torch.Generator(), model, **said)
        return Training(model, view(order[:size]), view(order[-held_out:]) if held_out else None, ctx, seed)

    @pytest.mark.parametrize("sizes", [[80] * 5, [80, 7, 100, 2, 33]])
    @pytest.mark.parametrize("held_out", [0, 10])
    def test_each_comes_to_what_it_comes_to_alone(self, toy, sizes, held_out):
        heard = []
        together, apart = (
            [self.training(toy, seed, size, held_out, heard) for seed, size in enumerate(sizes)]
            for _ in range(2)
        )
        results = fit_heads(together, 10.0, 200)
        assert heard == [(seed, result.epochs, result.epochs) for seed, result in enumerate(results)]
        for one, other, result in zip(together, apart, results, strict=True):
            alone = probe(other.model, other.labelled, other.validation, 10.0, 200, other.ctx)
            # of a class without labels there is no best bias: it goes down until nothing is left of the class
            found, wanted = one.model(toy.test_inputs), other.model(toy.test_inputs)
            torch.testing.assert_close(found.softmax(1), wanted.softmax(1), atol=1e-4, rtol=0)
            if len(one.labelled) > 30:
                torch.testing.assert_close(found, wanted, atol=3e-3, rtol=3e-3)  # float32's, where flat
            for name, value in dataclasses.asdict(alone).items():
                steps = name in ("epochs", "best_epoch")  # rounding decides which is the last
                assert getattr(result, name) == pytest.approx(value, abs=1 if steps else 1e-5), name
        assert len({result.epochs for result in results}) > 1

    def test_one_that_fails_harms_nobody(self, toy):
        trainings = [self.training(toy, seed, scale=torch.nan if seed == 1 else 1.0) for seed in range(3)]
        good, error, other = fit_heads(trainings, 1.0, 200)
        assert isinstance(error, TrialError)
        for result, seed in ((good, 0), (other, 2)):
            alone = dataclasses.asdict(fit_heads([self.training(toy, seed)], 1.0, 200)[0])
            for name, value in dataclasses.asdict(result).items():
                assert value == pytest.approx(alone[name], abs=1e-5), name

    def test_on_a_cpu_one_after_the_other(self, toy, registry):
        trainings = [self.training(toy, seed) for seed in range(3)]
        answer = registry.call_alone(
            "train_together",
            registry.plugin("linear-probe"),
            trainings=trainings,
            recipe=None,
            options=Options(),
        )
        assert answer == [fit_heads([self.training(toy, seed)], 1.0, 200)[0] for seed in range(3)]

    def test_heads_of_other_sizes(self, toy):
        other = self.training(toy, 1)
        other.model.head = nn.Linear(6, 3, bias=False)
        assert probe_together([self.training(toy, 0), other], 1.0, 200) is None


@pytest.mark.parametrize("options", [{"c": 0}, {"c": float("inf")}, {"iterations": 0}])
def test_options_outside_their_range(options):
    with pytest.raises(ValueError, match="must be"):
        Options(**options)


class TestLearner:
    def learner(self, data, strategy="margin", **kwargs):
        return ActiveLearner(
            data.hide_labels(), "mlp", strategy, stages={"train": "linear-probe"}, device="cpu", **kwargs
        )

    def rounds(self, learner, data, rounds=3):
        picked = []
        for _ in range(rounds):
            picks = learner.ask(20)
            picked.append(picks.tolist())
            learner.tell(picks, data.targets[picks])
            learner.fit()
        return picked

    @pytest.fixture
    def digits(self):
        return alframe.load_dataset("digits")

    def test_only_the_head_is_trained(self, digits):
        learner = self.learner(digits)
        before = {name: value.clone() for name, value in learner.model.state_dict().items()}
        self.rounds(learner, digits)
        changed = {n for n, v in learner.model.state_dict().items() if not torch.equal(v, before[n])}
        assert changed == {"head.weight", "head.bias"}
        assert learner.evaluate().accuracy > 0.75

    def test_every_sample_passes_the_body_once(self, digits, count_calls):
        learner = self.learner(digits)
        learner.model.features = counted = count_calls(learner.model.features)
        self.rounds(learner, digits)
        learner.evaluate()
        learner.evaluate()
        # two batches of the pool and one of the test part
        assert counted.counter.calls == 3

    @pytest.mark.parametrize("strategy", ["alfamix", "badge", "coreset", "margin", "random", "deepfool"])
    def test_strategies_choose_as_without_the_cache(self, digits, strategy, tmp_path, monkeypatch):
        monkeypatch.setattr("alframe.learning.frozen.WORTH_KEEPING", 0)
        first = self.rounds(self.learner(digits, strategy, feature_folder=tmp_path), digits)
        again = self.rounds(self.learner(digits, strategy, feature_folder=tmp_path), digits)
        assert first == again
        assert len(list(tmp_path.iterdir())) == 1  # the test part was not asked for
        learner = self.learner(digits, strategy)
        learner._body_is_frozen = False
        assert self.rounds(learner, digits) == first

    def test_a_trainer_that_breaks_its_word_is_named(self, toy, make_plugin):
        def train(model):
            with torch.no_grad():
                next(model.body.parameters()).add_(1)
            return TrainResult(1, 1.0, 0.0)

        info = alframe.PluginInfo(summary="liar", trains="head")
        registry = Registry()
        registry.register(make_plugin(alframe_info=lambda: info, alframe_train=train), "liar")
        learner = ActiveLearner(
            toy.hide_labels(), "mlp", "margin", stages={"train": "liar"}, registry=registry, device="cpu"
        )
        learner.tell([0, 1], [0, 1])
        with pytest.raises(PluginError, match="'liar'.*declares trains='head', but has changed the body"):
            learner.fit()

    def test_continued_is_uninterrupted(self, digits):
        whole = self.learner(digits)
        wanted = self.rounds(whole, digits, 3)
        first = self.learner(digits)
        self.rounds(first, digits, 2)
        state = first.state_dict()
        second = self.learner(digits)
        second.load_state_dict(state)
        assert self.rounds(second, digits, 1) == wanted[2:]


def test_of_the_recipe_validation_counts(toy):
    recipe = Recipe(validation=0.5)
    learner = ActiveLearner(
        toy.hide_labels(), "mlp", "random", stages={"train": "linear-probe"}, recipe=recipe
    )
    learner.tell(torch.arange(40), toy.targets[:40])
    result = learner.fit()
    assert learner.validation_size == 20
    assert dataclasses.asdict(result)["validation_accuracy"] > 0.8


class TestBootstrap:
    def fitted(self, toy, members=4):
        torch.manual_seed(0)
        model = Classifier(nn.Identity(), nn.Linear(6, 3))
        view = LabelledView(FeatureRows(toy.inputs[:60], None), toy.targets[:60])
        generator = torch.Generator().manual_seed(0)
        return model, bootstrap(model, view, Options(members=members), generator)

    def test_each_head_is_the_fit_to_its_samples(self, toy):
        _, members = self.fitted(toy)
        drawn = torch.randint(60, (4, 60), generator=torch.Generator().manual_seed(0))
        for member, rows in zip(members, drawn, strict=True):
            theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(
                toy.inputs[rows], toy.targets[rows]
            )
            torch.testing.assert_close(
                member["head.weight"], torch.from_numpy(theirs.coef_).float(), atol=2e-3, rtol=2e-3
            )

    def test_the_network_stays_as_it_is_and_members_differ(self, toy):
        model, members = self.fitted(toy)
        torch.manual_seed(0)
        assert torch.equal(model.head.weight, nn.Linear(6, 3).weight)
        assert not torch.allclose(members[0]["head.weight"], members[1]["head.weight"])
