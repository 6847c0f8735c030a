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
    TrainResult,
    UsageError,
)
from alframe.data.samples import Samples
from alframe.learning.rows import NetworkRows
from alframe.registry.registry import Registry
from alframe_linear_probe import Options
from alframe_linear_probe._probe import probe

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
