import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import alframe
from alframe import ActiveLearner, Classifier, Recipe, train_supervised
from alframe_learningloss import Options
from alframe_learningloss._module import LossModule
from alframe_learningloss._training import Objective

RECIPE = Recipe(epochs=5, batch_size=16, stop_accuracy=None)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
    model = Classifier(body, nn.Linear(4, 3)).double()
    module = LossModule([8, 4], 5, torch.Generator().manual_seed(0)).double()
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return model, module, x, torch.arange(9) % 3


def gradients(parts, *, detached=False, **options):
    """Of a batch's loss in the network's parameters and the module's."""
    model, module, x, y = parts
    for part in (model, module):
        part.zero_grad()
    with model.taps(["1", "2"]) as outputs:
        objective = Objective(module, outputs, ["1", "2"], Options(**options))
        objective.is_detached = detached
        loss, right = objective(model, x, y)
    loss.backward()
    return loss.item(), right.item(), *([p.grad for p in part.parameters()] for part in (model, module))


def test_the_loss_is_the_papers_in_float64(parts):
    model, module, x, y = parts
    loss, right, *_ = gradients(parts, weight=0.7, margin=0.3)
    hidden = model.body[:2](x)
    logits = model.head(model.body[2](hidden))
    losses = -logits.log_softmax(1)[torch.arange(9), y].detach().numpy()
    predicted = module([hidden, model.body[2](hidden)]).detach().numpy()
    pairs = []
    for i in range(4):
        sign = 1 if losses[i] > losses[8 - i] else -1
        pairs.append(max(0, -sign * (predicted[i] - predicted[8 - i]) + 0.3))
    assert loss == pytest.approx(losses.mean() + 0.7 * np.mean(pairs))
    assert right == (logits.argmax(1) == y).sum()


def test_detached_the_network_learns_as_without_the_module(parts):
    """Trap: after 60 % of the epochs the module's gradient must not reach the network."""
    model, _, x, y = parts
    _, _, detached, of_module = gradients(parts, detached=True)
    _, _, attached, of_module_before = gradients(parts)
    torch.testing.assert_close(of_module, of_module_before)
    model.zero_grad()
    functional.cross_entropy(model(x), y).backward()
    plain = [p.grad for p in model.parameters()]
    torch.testing.assert_close(detached, plain)
    assert not torch.allclose(attached[0], plain[0])
    torch.testing.assert_close(attached[-2:], plain[-2:])  # the head's: it is no layer of the module's


@pytest.mark.parametrize(("share", "detached"), [(0.6, [4, 5]), (0.0, [1, 2, 3, 4, 5]), (1.0, [])])
def test_when_it_is_detached(share, detached):
    objective = Objective(None, {}, [], Options(detach_at=share))
    found = []
    for epoch in range(1, 6):
        objective.begin(epoch, 5)
        found += [epoch] * objective.is_detached
    assert found == detached


def learner(seed=0, recipe=RECIPE, model="mlp", **options):
    digits = alframe.load_dataset("digits")
    settings = {"learningloss": options}
    made = ActiveLearner(
        digits.hide_labels(), model, "learningloss", options=settings, recipe=recipe, seed=seed, device="cpu"
    )
    picks = made.ask(60)
    made.tell(picks, digits.targets[picks])
    return made, digits


def module_of(made):
    return made.state_dict()["plugins"]["learningloss"]["module"]


def test_from_the_first_epoch_detached_the_network_is_that_of_plain_training():
    made, _ = learner(detach_at=0.0)
    with made.fitting() as fit:
        ctx = fit.state.context("train", made.pipeline.strategy)
        LossModule([256], 128, ctx.generator)  # its weights are drawn first
        train_supervised(fit.model, fit.labelled, None, RECIPE, ctx)
    plain = copy.deepcopy(made.model)
    made.fit()
    for one, other in zip(made.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_interrupted_and_continued_the_scores_are_the_same():
    """The module is in the checkpoint."""
    made, _ = learner()
    made.fit()
    other, _ = learner(seed=0)
    other.load_state_dict(copy.deepcopy(made.state_dict()))
    scores = made.query(5).scores
    assert len(scores.unique()) > 100
    assert torch.equal(other.query(5).scores, scores)


def test_with_a_warm_start_the_module_goes_on_too():
    drift = {}
    for warm in (True, False):
        made, digits = learner(recipe=dataclasses.replace(RECIPE, warm_start=warm, learning_rate=1e-4))
        made.fit()
        before = module_of(made)["layers.0.weight"].clone()
        picks = made.ask(5)
        made.tell(picks, digits.targets[picks])
        made.fit()
        drift[warm] = (module_of(made)["layers.0.weight"] - before).abs().mean().item()
    assert 0 < drift[True] < drift[False] / 10
