"""The default trainer: supervised learning on data that stay on the device."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from alframe.errors import TrialError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alframe.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How a training went.

    Attributes:
        epochs: epochs trained.
        accuracy: share of the training samples predicted right during the last epoch.
        loss: mean training loss of the last epoch.
    """

    epochs: int
    accuracy: float
    loss: float


def train_supervised(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    progress: Callable[[int, int], None],
) -> TrainResult:
    """Fits ``model`` in place by cross-entropy.

    Stops at the first epoch whose running training accuracy reaches ``recipe.stop_accuracy``.

    Args:
        model: the network; left in evaluation mode.
        inputs: ``L x ...`` tensor on the network's device.
        targets: ``L`` class numbers on the same device.
        recipe: optimiser, learning rate, batch size, epochs, stopping rule.
        generator: CPU generator that shuffles.
        progress: told ``(epoch, epochs)`` after each epoch.

    Raises:
        TrialError: the loss is not a number.
    """
    optimizer = make_optimizer(model, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate_factor)
    loss_function = nn.CrossEntropyLoss()
    model.train()
    accuracy = loss = float("nan")
    epoch = 0
    for epoch in range(1, recipe.epochs + 1):
        order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        sums = torch.zeros(3, device=inputs.device)  # loss, correct, counted: read once an epoch
        for rows in batches(order, recipe.batch_size):
            x, y = inputs[rows], targets[rows]
            logits = model(x)
            batch_loss = loss_function(logits, y)
            optimizer.zero_grad(set_to_none=True)
            batch_loss.backward()
            optimizer.step()
            with torch.no_grad():
                correct = (logits.argmax(dim=1) == y).sum()
                sums += torch.stack([batch_loss * len(y), correct, correct.new_tensor(len(y))])
        schedule.step()
        total, right, counted = sums.tolist()
        loss, accuracy = total / counted, right / counted
        if loss != loss:
            raise TrialError(
                f"the training loss became NaN in epoch {epoch}; try a smaller learning rate "
                f"(it is {recipe.learning_rate:g})"
            )
        progress(epoch, recipe.epochs)
        if recipe.stop_accuracy is not None and accuracy >= recipe.stop_accuracy:
            break
    model.eval()
    return TrainResult(epoch, accuracy, loss)


def batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cuts the shuffled positions into batches, none of a lone sample.

    Batch normalisation can't train on one sample, so a lone last one joins the batch before it, and
    where there is no batch before it stands twice in its own.
    """
    parts = list(order.split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return [part.repeat(2) if len(part) == 1 else part for part in parts]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over the parameters that are to be trained."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return adam(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
