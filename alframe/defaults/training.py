"""The default trainer: supervised learning on data that stay on the device."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe.contract.recipe import TrainResult
from alframe.defaults.augmentation import augmentation
from alframe.defaults.capture import WORTH, Captured, NotCapturedWarning
from alframe.defaults.steps import OneByOne, Step
from alframe.defaults.threads import threads_for_training
from alframe.defaults.updates import Update
from alframe.errors import TrialError
from alframe.ops.blocks import rows_per_pass

if TYPE_CHECKING:
    from alframe.contract.context import Context
    from alframe.contract.recipe import Recipe
    from alframe.contract.views import LabelledView
    from alframe.defaults.steps import Objective
    from alframe.networks.classifier import Classifier


def cross_entropy(
    model: Classifier, x: Tensor, y: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy of a batch, and how many of it are predicted right."""
    logits = model(x)
    return functional.cross_entropy(logits, y), (logits.detach().argmax(dim=1) == y).sum()


def _nothing(size: int, generator: torch.Generator) -> tuple[()]:
    """What a loss draws that needs no random numbers."""
    return ()


cross_entropy.draws = _nothing  # type: ignore[attr-defined]


def train_supervised(
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    ctx: Context,
    objective: Objective = cross_entropy,
    beside: nn.Module | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> TrainResult:
    """Fits ``model`` in place, as the recipe says: optimiser, schedule, augmentation, precision, stopping.

    Stops at the first epoch whose running training accuracy reaches ``recipe.stop_accuracy``, or after
    ``recipe.patience`` epochs without a better validation accuracy (equal accuracies: a lower loss).

    On a GPU the steps are captured in CUDA graphs where they can be, see `alframe.defaults.capture`.

    Args:
        model: the network; left in evaluation mode.
        labelled: the samples to train on, and their labels.
        validation: samples that judge each epoch, or None.
        recipe: the section ``[train]``.
        ctx: its generator shuffles and augments.
        objective: makes of the network, ``b`` network inputs, their labels and a CPU generator the loss to
            minimise, and how many of the batch count as predicted right; both are scalars. One that has a
            function ``draws(b, generator)`` is given, in place of the generator, what that returns: all of a
            batch's random tensors, each batch's of the same shapes, and words that say what is done, such as
            the name of a layer. It can be captured then, and may read nothing else that changes.
        beside: a module of the trainer's own, on the device, that the loss goes through: its parameters move
            with the network's, by the same recipe, and it is in training mode during the epochs.
        on_epoch: told ``(epoch, epochs)`` before each epoch, from 1.

    Raises:
        TrialError: the loss is not a number.
        UsageError: augmentation of samples that are no images.
    """
    samples = labelled.samples().near()
    augment = augmentation(recipe, samples.stored.shape[1:], ctx.generator)
    if augment is None:
        samples = samples.made()
    whole = model if beside is None else nn.ModuleList([model, beside])
    judge = None if validation is None else EarlyStopping(model, validation, recipe, whole)
    update = Update(whole, recipe)
    bfloat16 = recipe.precision == "bfloat16"
    step = Step(
        model, samples, labelled.targets, augment, objective, update, ctx.generator, bfloat16=bfloat16
    )
    accuracy = loss = float("nan")
    epoch = 0
    one = samples.batch(torch.zeros(1, dtype=torch.int64, device=ctx.device))
    if beside is not None or on_epoch is not None:  # a graph would not see what these change
        recipe = dataclasses.replace(recipe, capture="off")
    with threads_for_training(model, one, recipe.batch_size), _runner(step, len(samples), recipe, ctx) as run:
        for epoch in range(1, recipe.epochs + 1):
            if on_epoch is not None:
                on_epoch(epoch, recipe.epochs)
            whole.train()
            update.set_rate(recipe.rate_factor(epoch - 1))
            order = torch.randperm(len(samples), generator=ctx.generator)
            with products(recipe.precision):
                accuracy, loss = _epoch(run, batches(order, recipe.batch_size))
            if loss != loss:
                raise no_number(epoch, recipe)
            ctx.progress(epoch, recipe.epochs)
            if judge is not None and judge.is_over(epoch):
                break
            if recipe.stop_accuracy is not None and accuracy >= recipe.stop_accuracy:
                break
    update.forget_gradients()
    whole.eval()
    if judge is None:
        return TrainResult(epoch, accuracy, loss)
    return TrainResult(epoch, accuracy, loss, *judge.verdict(epoch))


def no_number(epoch: int, recipe: Recipe) -> TrialError:
    """What ends a trial whose loss is NaN."""
    return TrialError(
        f"the training loss became NaN in epoch {epoch}; try a smaller learning rate "
        f"(it is {recipe.learning_rate:g})"
    )


class Runner(Protocol):
    """What runs the steps of an epoch."""

    def epoch(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Losses of the batches, and how many of each were predicted right; on the device."""
        ...


@contextlib.contextmanager
def _runner(step: Step, size: int, recipe: Recipe, ctx: Context) -> Iterator[Runner]:
    """What runs a training's steps: captured, where that is wanted, possible, and worth it."""
    steps = recipe.epochs * -(-size // recipe.batch_size)
    if ctx.device.type != "cuda" or recipe.capture == "off" or steps < WORTH:
        yield OneByOne(step, ctx.device)
    elif not step.is_tensors_only:
        warnings.warn(NotCapturedWarning("the objective has no `draws`"), stacklevel=2)
        yield OneByOne(step, ctx.device)
    else:
        with contextlib.closing(Captured(step, ctx.device)) as captured:
            yield captured


def _epoch(run: Runner, parts: list[Tensor]) -> tuple[float, float]:
    """Training accuracy and mean loss of an epoch; what is on the device is read once, at its end."""
    losses, rights = run.epoch(parts)
    counts = torch.tensor([len(rows) for rows in parts], dtype=torch.float64)
    read = torch.cat([losses.double(), rights.sum().double()[None]]).cpu()
    return read[-1].item() / int(counts.sum()), (read[:-1] @ (counts / counts.sum())).item()


@contextlib.contextmanager
def products(precision: str) -> Iterator[None]:
    """For ``tf32``, products of matrices in a block of code are rounded to TF32 on GPUs that have it.

    Convolutions are by torch's own settings, on GPUs.

    Args:
        precision: of the recipe.
    """
    if precision != "tf32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Best:
    """Follows a network's validation accuracy over the epochs, and keeps its best weights.

    Args:
        model: what is trained.
        recipe: the patience, and whether the best weights are kept.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
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
        whole: what is kept of the best epoch, the network and what is trained beside it; the network alone.
    """

    def __init__(
        self, model: Classifier, validation: LabelledView, recipe: Recipe, whole: nn.Module | None = None
    ) -> None:
        super().__init__(whole or model, recipe)
        self._network = model
        self._samples = validation.samples().near().made()
        self._targets = validation.targets
        rows = torch.arange(len(self._targets), device=self._targets.device)
        width = self._samples.stored[:1].numel()
        self._parts = rows.split(rows_per_pass(width, self._targets.device))

    @torch.no_grad()
    def is_over(self, epoch: int) -> bool:
        """Judges the network as it is after an epoch; whether there was none better for too long."""
        self._network.eval()
        logits = torch.cat([self._network(self._samples.batch(part)) for part in self._parts])
        right = (logits.argmax(dim=1) == self._targets).float().mean()
        loss = functional.cross_entropy(logits, self._targets)
        return self.hears(epoch, *torch.stack([right.double(), loss.double()]).tolist())  # one wait


def batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cuts the shuffled positions into batches, none of a lone sample.

    Batch normalisation can't train on one sample, so a lone last one joins the batch before it, and
    where there is no batch before it stands twice in its own.
    """
    parts = list(order.split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return [part.repeat(2) if len(part) == 1 else part for part in parts]
