"""The default trainer: supervised learning on data that stay on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe.contract.recipe import TrainResult
from alframe.defaults.augmentation import augmentation
from alframe.defaults.threads import threads_for_training
from alframe.errors import TrialError
from alframe.ops.blocks import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from alframe.contract.context import Context
    from alframe.contract.recipe import Recipe
    from alframe.contract.views import LabelledView
    from alframe.networks.classifier import Classifier

    Objective = Callable[[Classifier, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def cross_entropy(
    model: Classifier, x: Tensor, y: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy of a batch, and how many of it are predicted right."""
    logits = model(x)
    return functional.cross_entropy(logits, y), (logits.argmax(dim=1) == y).sum()


def train_supervised(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    ctx: Context,
    objective: Objective = cross_entropy,
) -> TrainResult:
    """Fits ``model`` in place, as the recipe says: optimiser, schedule, augmentation, precision, stopping.

    Stops at the first epoch whose running training accuracy reaches ``recipe.stop_accuracy``, or after
    ``recipe.patience`` epochs without a better validation accuracy (equal accuracies: a lower loss).

    Args:
        model: the network; left in evaluation mode.
        labelled: the samples to train on, and their labels.
        validation: samples that judge each epoch, or None.
        recipe: the section ``[train]``.
        ctx: its generator shuffles and augments.
        objective: makes of the network, ``b`` network inputs, their labels and a CPU generator the loss to
            minimise, and how many of the batch count as predicted right; both are scalars.

    Raises:
        TrialError: the loss is not a number.
        UsageError: augmentation of samples that are no images.
    """
    samples = labelled.samples()
    augment = augmentation(recipe, samples.stored.shape[1:], ctx.generator)
    if augment is None:
        samples = samples.made()
    judge = None if validation is None else EarlyStopping(model, validation, recipe)
    optimizer = make_optimizer(model, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate_factor)
    mixed = torch.autocast(ctx.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")

    def step(rows: Tensor) -> tuple[Tensor, Tensor]:
        """One gradient step: the loss of a batch, and how many of it are predicted right."""
        x, y = samples.batch(rows, augment), labelled.targets.index_select(0, rows)
        with mixed:
            loss, right = objective(model, x, y, ctx.generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach(), right

    accuracy = loss = float("nan")
    epoch = 0
    one = samples.batch(torch.zeros(1, dtype=torch.int64, device=ctx.device))
    with threads_for_training(model, one, recipe.batch_size):
        for epoch in range(1, recipe.epochs + 1):
            model.train()
            order = torch.randperm(len(samples), generator=ctx.generator).to(ctx.device)
            accuracy, loss = _epoch(step, batches(order, recipe.batch_size))
            schedule.step()
            if loss != loss:
                raise no_number(epoch, recipe)
            ctx.progress(epoch, recipe.epochs)
            if judge is not None and judge.is_over(epoch):
                break
            if recipe.stop_accuracy is not None and accuracy >= recipe.stop_accuracy:
                break
    model.eval()
    if judge is None:
        return TrainResult(epoch, accuracy, loss)
    return TrainResult(epoch, accuracy, loss, *judge.verdict(epoch))


def no_number(epoch: int, recipe: Recipe) -> TrialError:
    """What ends a trial whose loss is NaN."""
    return TrialError(
        f"the training loss became NaN in epoch {epoch}; try a smaller learning rate "
        f"(it is {recipe.learning_rate:g})"
    )


def _epoch(step: Callable[[Tensor], tuple[Tensor, Tensor]], parts: list[Tensor]) -> tuple[float, float]:
    """Training accuracy and mean loss of an epoch; what is on the device is read once, at its end."""
    losses, rights = zip(*map(step, parts), strict=True)
    counts = torch.tensor([len(rows) for rows in parts], dtype=torch.float64)
    loss = (torch.stack(losses).cpu().double() @ (counts / counts.sum())).item()
    return torch.stack(rights).sum().item() / int(counts.sum()), loss


class Best:
    """Follows a network's validation accuracy over the epochs, and keeps its best weights.

    Args:
        model: the network.
        recipe: the patience, and whether the best weights are kept.
    """

    def __init__(self, model: Classifier, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe
        self._state: dict[str, Tensor] = {}
        self._best = (-1.0, 0.0)
        self._last = (-1.0, 0.0)
        self._best_epoch = 0

    def hears(self, epoch: int, accuracy: float, loss: float) -> bool:
        """Takes note of the network as it is after an epoch; whether there was none better for too long."""
        self._last = (accuracy, -loss)
        if self._last > self._best:
            self._best, self._best_epoch = self._last, epoch
            if self._recipe.keep_best:
                self._state = {name: value.clone() for name, value in self._model.state_dict().items()}
        return self._recipe.patience is not None and epoch - self._best_epoch >= self._recipe.patience

    def verdict(self, epoch: int) -> tuple[float, int]:
        """Goes back to the best weights; their validation accuracy and epoch."""
        if not self._recipe.keep_best:
            return self._last[0], epoch
        self._model.load_state_dict(self._state)
        return self._best[0], self._best_epoch


class EarlyStopping(Best):
    """Measures the validation accuracy that it follows.

    Args:
        model: the network.
        validation: the samples that judge.
        recipe: the patience, and whether the best weights are kept.
    """

    def __init__(self, model: Classifier, validation: LabelledView, recipe: Recipe) -> None:
        super().__init__(model, recipe)
        self._samples = validation.samples().made()
        self._targets = validation.targets

    @torch.no_grad()
    def is_over(self, epoch: int) -> bool:
        """Judges the network as it is after an epoch; whether there was none better for too long."""
        self._model.eval()
        rows = torch.arange(len(self._targets), device=self._targets.device)
        logits = torch.cat([self._model(self._samples.batch(part)) for part in rows.split(BATCH_SIZE)])
        right = (logits.argmax(dim=1) == self._targets).float().mean().item()
        return self.hears(epoch, right, functional.cross_entropy(logits, self._targets).item())


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
