import pytest
import torch
from torch import nn
from torchvision import models

from alframe import Classifier, Recipe, TrialError
from alframe.models import initial_state
from alframe.training import batches, make_optimizer, train_supervised


def train(model, x, y, recipe, seed=0):
    return train_supervised(
        model, x, y, recipe, torch.Generator().manual_seed(seed), lambda done, total: None
    )


def net(batch_norm=False):
    torch.manual_seed(0)
    layers = [nn.Linear(6, 16), nn.BatchNorm1d(16)] if batch_norm else [nn.Linear(6, 16)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(16, 3))


def test_stops_at_the_first_epoch_that_reaches_the_accuracy(toy):
    seen = []
    model = net()
    recipe = Recipe(learning_rate=0.01, stop_accuracy=0.9, epochs=100)
    result = train_supervised(
        model,
        toy.inputs,
        toy.targets,
        recipe,
        torch.Generator(),
        lambda done, total: seen.append((done, total)),
    )
    assert result.accuracy >= 0.9
    assert 1 < result.epochs < 100
    assert seen == [(epoch, 100) for epoch in range(1, result.epochs + 1)]
    shorter = train(net(), toy.inputs, toy.targets, Recipe(learning_rate=0.01, epochs=result.epochs - 1))
    assert shorter.accuracy < 0.9


def test_none_trains_to_the_end(toy):
    result = train(net(), toy.inputs, toy.targets, Recipe(learning_rate=0.01, stop_accuracy=None, epochs=40))
    assert result.epochs == 40
    assert result.accuracy > 0.95


@pytest.mark.parametrize("size", [1, 2, 64, 65])
def test_a_lone_last_sample_breaks_neither_batch_norm_nor_the_stopping_rule(toy, size):
    recipe = Recipe(learning_rate=0.05, stop_accuracy=1.0, epochs=200)
    result = train(net(batch_norm=True), toy.inputs[:size], toy.targets[:size], recipe)
    assert result.accuracy == 1.0
    assert result.epochs < 200


def test_batches_cover_every_sample_once():
    cut = batches(torch.arange(10), 4)
    assert [len(batch) for batch in cut] == [4, 4, 2]
    assert torch.cat(cut).tolist() == list(range(10))


def test_no_batch_is_a_lone_sample():
    assert [batch.tolist() for batch in batches(torch.arange(5), 2)] == [[0, 1], [2, 3, 4]]
    assert [batch.tolist() for batch in batches(torch.arange(1), 4)] == [[0, 0]]
    assert all(len(batch) > 1 for batch in batches(torch.arange(5), 1))


def test_weight_decay_is_used(toy):
    norms = []
    for decay in (0.0, 0.5):
        model = net()
        train(model, toy.inputs, toy.targets, Recipe(weight_decay=decay, epochs=20, stop_accuracy=None))
        norms.append(sum(p.norm() for p in model.parameters()))
    assert norms[1] < 0.9 * norms[0]


@pytest.mark.parametrize(
    ("recipe", "kind", "setting"),
    [
        (Recipe(learning_rate=0.5, weight_decay=0.1), torch.optim.Adam, {"lr": 0.5, "weight_decay": 0.1}),
        (Recipe(optimizer="adamw", weight_decay=0.1), torch.optim.AdamW, {"lr": 0.001, "weight_decay": 0.1}),
        (Recipe(optimizer="sgd", momentum=0.7), torch.optim.SGD, {"lr": 0.001, "momentum": 0.7}),
    ],
)
def test_optimizer_takes_the_recipe(recipe, kind, setting):
    optimizer = make_optimizer(net(), recipe)
    assert type(optimizer) is kind
    assert setting.items() <= optimizer.param_groups[0].items()


def test_frozen_parameters_are_left_alone():
    model = net()
    model[0].weight.requires_grad_(False)
    assert len(make_optimizer(model, Recipe()).param_groups[0]["params"]) == 3


def test_frozen_batch_normalisation_does_not_move():
    torch.manual_seed(0)
    network = models.resnet18(weights=None, num_classes=2)
    head, network.fc = network.fc, nn.Identity()
    model = Classifier(network, head)
    model.freeze(network.conv1, network.bn1, network.layer1)
    before = initial_state(model)
    inputs, targets = 3 + torch.randn(8, 3, 32, 32), torch.arange(8) % 2
    train(model, inputs, targets, Recipe(epochs=2, batch_size=4, stop_accuracy=None))
    after = model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(("body.conv1", "body.bn1", "body.layer1"))}
    assert moved == set(before) - frozen
    assert "body.layer2.0.bn1.running_mean" in moved


def test_one_step_of_sgd_is_the_formula():
    model = nn.Linear(2, 2, bias=False)
    x, y = torch.tensor([[1.0, 2.0], [3.0, 1.0]]), torch.tensor([0, 1])
    weight = model.weight.detach().clone().double()
    residual = (x.double() @ weight.T).softmax(1) - nn.functional.one_hot(y, 2)
    wanted = weight - 0.1 * (residual.T @ x.double() / 2 + 0.01 * weight)
    recipe = Recipe(optimizer="sgd", momentum=0.0, learning_rate=0.1, weight_decay=0.01, epochs=1)
    train(model, x, y, recipe)
    torch.testing.assert_close(model.weight.double(), wanted, atol=1e-6, rtol=1e-6)


def test_a_loss_that_is_no_number_ends_the_trial(toy):
    with pytest.raises(TrialError, match="loss became NaN in epoch 1; try a smaller learning rate"):
        train(net(), toy.inputs * torch.nan, toy.targets, Recipe())


def test_the_model_is_left_in_evaluation_mode(toy):
    model = net()
    train(model, toy.inputs, toy.targets, Recipe(epochs=1))
    assert not model.training


def test_the_schedule_moves_the_learning_rate(toy):
    """One step of plain SGD an epoch: the weights move by the rate times the gradient."""
    recipe = Recipe(
        optimizer="sgd",
        momentum=0.0,
        learning_rate=0.1,
        epochs=3,
        batch_size=200,
        stop_accuracy=None,
        schedule="step",
        step_epochs=1,
        step_factor=0.5,
    )
    scheduled, by_hand = net(), net()
    train(scheduled, toy.inputs, toy.targets, recipe)
    for rate in (0.1, 0.05, 0.025):
        by_hand.zero_grad()
        nn.functional.cross_entropy(by_hand(toy.inputs), toy.targets).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= rate * parameter.grad
    for one, other in zip(scheduled.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(one, other)
