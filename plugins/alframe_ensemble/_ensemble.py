"""Training of a committee's members."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import nn

from alframe import Classifier, TrainResult, train_supervised

if TYPE_CHECKING:
    from alframe import Context, LabelledView, Recipe
    from alframe_ensemble import Options


def train_committee(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    options: Options,
    ctx: Context,
) -> TrainResult:
    """Trains ``model`` and ``options.members - 1`` copies of it that start elsewhere.

    The first member starts from the network's own initial weights, and is the network that is tested, so that
    a committee is compared with single networks by one of its kind. The weights of all members are in
    ``ctx.state["members"]``.

    Args:
        model: the network; left as the first member.
        labelled: the samples to train on.
        validation: samples that judge each epoch, or None.
        recipe: the section ``[train]``.
        options: how many, and what of them is drawn anew.
        ctx: its generator draws for all members in turn.
    """
    others = [copy.deepcopy(model) for _ in range(options.members - 1)]
    result = train_supervised(model, labelled, validation, recipe, ctx)
    members, accuracies = [model], [result.accuracy]
    for other in others:
        redraw(other if options.redraw == "all" else other.head, ctx.generator)
        of_other = dataclasses.replace(ctx, model=other, progress=lambda done, total: None)
        accuracies.append(train_supervised(other, labelled, validation, recipe, of_other).accuracy)
        members.append(other)
    ctx.state["members"] = [
        {name: value.detach().clone() for name, value in member.state_dict().items()} for member in members
    ]
    ctx.log("least_train_accuracy", min(accuracies))
    return result


def redraw(module: nn.Module, generator: torch.Generator) -> None:
    """Draws the weights of all layers anew, as each layer of torch does when it is made; none that is frozen.

    Args:
        module: the layers.
        generator: a CPU generator; torch's own random numbers are left as they were.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for layer in module.modules():
            own = list(layer.parameters(recurse=False))
            reset = getattr(layer, "reset_parameters", None)
            if reset is None or not own or not all(parameter.requires_grad for parameter in own):
                continue
            device = own[0].device
            layer.to("cpu")
            reset()
            layer.to(device)
