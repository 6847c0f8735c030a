import copy

import pytest
import torch
from torch import nn

from alframe import Recipe
from alframe.defaults.updates import Update

RECIPES = {
    "adam": Recipe(),
    "adam with decay": Recipe(weight_decay=0.1, learning_rate=0.01),
    "adamw": Recipe(optimizer="adamw", weight_decay=0.1),
    "sgd": Recipe(optimizer="sgd", learning_rate=0.1, weight_decay=0.01),
    "nesterov": Recipe(optimizer="sgd", learning_rate=0.1, weight_decay=0.01, nesterov=True),
    "plain sgd": Recipe(optimizer="sgd", momentum=0.0),
}


def torch_optimizer(model, recipe):
    """Torch's own optimiser as a recipe has it, over the parameters that are to be trained."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return adam(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def network(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    ).to(dtype, memory_format=torch.channels_last)


def backward(model, step):
    x = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    model(x.to(next(model.parameters()).dtype)).logsumexp(dim=1).mean().backward()


def compare(recipe, mine, theirs, forget=lambda model, step: None):
    update, optimizer = Update(mine, recipe), torch_optimizer(theirs, recipe)
    for step in range(6):
        factor = recipe.rate_factor(step)
        update.set_rate(factor)
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * factor
        for model in (mine, theirs):
            model.zero_grad(set_to_none=True)
            backward(model, step)
            forget(model, step)
        update()
        optimizer.step()
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_steps_are_those_of_torchs_optimiser(name, dtype):
    mine = network(dtype)
    compare(RECIPES[name], mine, copy.deepcopy(mine))


@pytest.mark.parametrize("name", RECIPES)
def test_the_rate_changes(name):
    recipe = Recipe(**(vars(RECIPES[name]) | {"schedule": "cosine", "epochs": 6, "warmup": 2}))
    mine = network()
    compare(recipe, mine, copy.deepcopy(mine))


@pytest.mark.parametrize("name", RECIPES)
def test_parameters_without_a_gradient_are_left_alone(name):
    """As of a layer that is dropped in some steps."""

    def forget(model, step):
        if step % 2:
            model[4].bias.grad = None
        if step == 5:
            model.zero_grad(set_to_none=True)

    mine = network()
    mine[0].weight.requires_grad_(False)
    compare(RECIPES[name], mine, copy.deepcopy(mine), forget)


def test_two_dtypes_in_one_network():
    mine = network()
    mine[4].register_parameter("scale", nn.Parameter(torch.ones(3, dtype=torch.float64)))

    def gradient(model, step):
        model[4].scale.grad = torch.full((3,), 1.0 + step, dtype=torch.float64)

    compare(Recipe(), mine, copy.deepcopy(mine), gradient)


def test_a_network_that_has_nothing_to_train():
    model = network().requires_grad_(False)
    Update(model, Recipe())()


def test_gradients_are_forgotten():
    model = network()
    backward(model, 0)
    Update(model, Recipe()).forget_gradients()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_continued_with_a_part_of_each_parameter(optimizer):
    """What is kept of a part moves it as it would have moved in the whole."""
    recipe = Recipe(optimizer=optimizer, learning_rate=0.1, weight_decay=0.1)
    whole, part = nn.Linear(3, 4, bias=False), nn.Linear(3, 2, bias=False)
    update = Update(whole, recipe)
    gradients = [torch.randn(4, 3) for _ in range(4)]
    for gradient in gradients[:2]:
        whole.weight.grad = gradient
        update()
    part.weight.data = whole.weight.detach()[:2].clone()
    continued = update.continued(part, lambda values: values[:2].clone())
    for gradient in gradients[2:]:
        whole.weight.grad, part.weight.grad = gradient, gradient[:2]
        update()
        continued()
    torch.testing.assert_close(part.weight, whole.weight[:2])


def test_frozen_parameters_are_left_alone():
    model = network()
    model[0].weight.requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    update = Update(model, Recipe())
    assert len(update.parameters) == len(before) - 1
    backward(model, 0)
    update()
    moved = [not torch.equal(now, old) for now, old in zip(model.parameters(), before, strict=True)]
    assert (moved[0], moved[-1]) == (False, True)
