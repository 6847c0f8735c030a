"""Temperature scaling after a training: who sees it, with which trainers, and what it goes on from."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from alframe import ActiveLearner, Classifier, Recipe, UsageError
from alframe.learning.together import fit_together
from alframe.ops import best_temperature
from doubles import FAST

PLAIN = dataclasses.replace(FAST, validation=0.4)
SCALED = dataclasses.replace(PLAIN, calibrate="temperature")


@pytest.fixture
def noisy(toy):
    """Labels of which every fourth is another, so that no network is right everywhere."""
    targets = toy.targets.clone()
    targets[::4] = (targets[::4] + 1) % toy.num_classes
    return dataclasses.replace(toy, targets=targets)


@pytest.fixture
def fitted(noisy):
    def make(recipe, **kwargs):
        data = noisy.hide_labels(torch.arange(60))
        learner = ActiveLearner(data, "mlp", "margin", recipe=recipe, device="cpu", **kwargs)
        learner.fit()
        return learner

    return make


def validation_of(learner):
    held_out = learner._held_out()
    return learner.labelled[held_out], learner.targets[held_out]


@pytest.mark.parametrize("trainer", ["", "linear-probe", "mixup", "ensemble"])
def test_all_that_is_read_is_the_plain_network_at_that_temperature(fitted, noisy, trainer):
    chosen = {"stages": {"train": trainer}} if trainer else {}
    plain, scaled = fitted(PLAIN, **chosen), fitted(SCALED, **chosen)
    rows, targets = validation_of(plain)
    logits = plain.model(noisy.inputs[rows]).detach()
    wanted = best_temperature(logits, targets)
    assert wanted != pytest.approx(1, abs=0.01)
    assert (plain.temperature, scaled.temperature) == (None, pytest.approx(wanted, rel=1e-5))
    of_all = plain.model(noisy.inputs).detach() / wanted
    torch.testing.assert_close(scaled.probabilities(range(120)), of_all.softmax(1), atol=1e-5, rtol=1e-5)
    assert torch.equal(scaled.predict(range(120)), plain.predict(range(120)))
    assert scaled.evaluate().loss != pytest.approx(plain.evaluate().loss, rel=1e-3)
    assert best_temperature(scaled.model(noisy.inputs[rows]), targets) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "trainer", [{"train": "ensemble"}, {"train": "linear-probe", "options": {"linear-probe": {"members": 3}}}]
)
def test_each_member_of_a_committee_has_its_own_temperature(fitted, noisy, trainer):
    chosen = {"stages": {"train": trainer["train"]}, "options": trainer.get("options")}
    plain, scaled = fitted(PLAIN, **chosen), fitted(SCALED, **chosen)
    rows, targets = validation_of(plain)
    found = set()
    for before, after in zip(plain._members(), scaled._members(), strict=True):
        temperature = (before["head.weight"] / after["head.weight"]).median().item()
        network = copy.deepcopy(plain.model)
        network.load_state_dict(before, strict=False)
        wanted = best_temperature(network(noisy.inputs[rows]), targets)
        assert temperature == pytest.approx(wanted, rel=1e-4)
        found.add(round(temperature, 4))
    assert len(found) > 1


def test_at_once_as_alone(noisy):
    data = noisy.hide_labels(torch.arange(60))

    def make():
        return [ActiveLearner(data, "mlp", recipe=SCALED, seed=s, device="cpu") for s in range(3)]

    alone, team = make(), make()
    for learner in alone:
        learner.fit()
    assert fit_together(team) is not None
    for one, other in zip(alone, team, strict=True):
        assert other.temperature == pytest.approx(one.temperature, rel=1e-3)
        torch.testing.assert_close(
            other.probabilities([0, 1]), one.probabilities([0, 1]), atol=1e-3, rtol=1e-3
        )


def test_a_warm_start_goes_on_from_the_uncalibrated_scale(fitted, noisy):
    plain, scaled = (fitted(dataclasses.replace(recipe, warm_start=True)) for recipe in (PLAIN, SCALED))
    first = scaled.temperature
    resumed = ActiveLearner(
        noisy.hide_labels(torch.arange(60)), "mlp", recipe=scaled.recipe, device="cpu", strategy="margin"
    )
    resumed.load_state_dict(scaled.state_dict())
    for learner in (plain, scaled, resumed):
        learner.tell(range(60, 90), noisy.targets[60:90])
        learner.fit()
    assert scaled.temperature == resumed.temperature != first
    wanted = plain.model(noisy.inputs).detach() / scaled.temperature
    torch.testing.assert_close(scaled.model(noisy.inputs).detach(), wanted, atol=2e-3, rtol=2e-3)


def test_a_fit_that_fails_leaves_the_temperature(fitted, monkeypatch):
    learner = fitted(SCALED)
    before, state = learner.temperature, learner.state_dict()["model"]
    monkeypatch.setattr("alframe.learning.learner.calibrate", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learner.fit()
    assert learner.temperature == before
    assert all(torch.equal(state[name], value) for name, value in learner.model.state_dict().items())


class Sigmoid(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 4)

    def forward(self, x):
        return self.linear(x).sigmoid()


@pytest.mark.parametrize(
    "head",
    [
        Sigmoid(),
        nn.Sequential(nn.Linear(2, 4), nn.LogSoftmax(1)),
        nn.Identity(),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 4)),
    ],
)
def test_a_head_without_a_last_linear_layer_is_refused_before_anything_is_trained(toy, head):
    model = Classifier(nn.Linear(toy.inputs.shape[1], 2 if not isinstance(head, nn.Identity) else 4), head)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UsageError, match=r"train.calibrate=temperature scales .* does not end in one: leave"):
        ActiveLearner(toy.hide_labels(), model, recipe=SCALED, device="cpu")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    ActiveLearner(toy.hide_labels(), model, recipe=PLAIN, device="cpu")


def test_a_head_of_several_layers(toy):
    head = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Sequential(nn.Dropout(0.1), nn.Linear(5, 4)))
    model = Classifier(nn.Linear(toy.inputs.shape[1], 3), head)
    before = copy.deepcopy(model.state_dict())
    learner = ActiveLearner(toy.hide_labels(torch.arange(30)), model, recipe=SCALED, device="cpu")
    assert all(torch.equal(before[name], value) for name, value in learner.model.state_dict().items())
    learner.fit()
    assert learner.temperature > 0


def test_a_validation_part_is_needed():
    with pytest.raises(ValueError, match="calibrate needs a validation part: set validation too, as 0.1"):
        Recipe(calibrate="temperature")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("trainer", ["", "linear-probe", "ensemble"])
def test_on_a_gpu_as_on_the_cpu(noisy, trainer):
    chosen = {"stages": {"train": trainer}} if trainer else {}
    data = noisy.hide_labels(torch.arange(60))
    found = []
    for device in ("cpu", "cuda"):
        learner = ActiveLearner(data, "mlp", "margin", recipe=SCALED, device=device, **chosen)
        learner.fit()
        found.append((learner.temperature, learner.evaluate()))
    (temperature, scores), (other, others) = found
    assert other == pytest.approx(temperature, rel=0.02)
    assert (others.ece, others.brier) == pytest.approx((scores.ece, scores.brier), abs=0.03)
