"""Several networks of one design trained in step: as each would be alone, but their gradient steps are one.

The networks are stacked (see `alframe.defaults.stacked_layers`). The loss is the sum of theirs and optimisers
work number by number, so each goes its own way: with its own samples, order of batches, random streams, early
stop and end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe.contract.recipe import TrainResult
from alframe.data.samples import KEPT_BYTES
from alframe.defaults.augmentation import augmentation
from alframe.defaults.stacked_layers import Stack, stackable
from alframe.defaults.threads import threads_for_training
from alframe.defaults.training import Best, batches, make_optimizer, no_number
from alframe.ops.blocks import BATCH_SIZE

if TYPE_CHECKING:
    from alframe.contract.recipe import Recipe
    from alframe.contract.training import Training
    from alframe.contract.views import LabelledView
    from alframe.data.samples import Transform
    from alframe.errors import TrialError

SMALL = 500_000  # parameters: 2 MB of weights
SMALL_ON_GPU = 4_000_000  # of tens of networks at once, and what their layers hold


def train_stacked(trainings: Sequence[Training], recipe: Recipe) -> Sequence[TrainResult | TrialError] | None:
    """Fits networks in place, up to rounding as `alframe.defaults.training.train_supervised` fits each alone.

    Those with equally many labelled samples take their steps together.

    Args:
        trainings: the networks and what each is trained on.
        recipe: the section ``[train]``.

    Returns:
        For each training how it went, or the error of one whose loss is not a number. None, with nothing
        changed, where the networks differ in design, have layers that can't be stacked, or are partly frozen.

    Raises:
        UsageError: augmentation of samples that are no images.
    """
    if not stackable([training.model for training in trainings]):
        return None
    groups: dict[tuple[int, int], list[int]] = {}
    for place, training in enumerate(trainings):
        held_out = 0 if training.validation is None else len(training.validation)
        groups.setdefault((len(training.labelled), held_out), []).append(place)
    results: dict[int, TrainResult | TrialError] = {}
    for places in groups.values():
        group = _InStep([trainings[place] for place in places], recipe)
        results |= zip(places, group.train(), strict=True)
    return [results[place] for place in range(len(trainings))]


def pays_together(model: nn.Module, device: torch.device) -> bool:
    """Whether several such networks are trained sooner in step than one after the other, as measured.

    A GPU waits for Python in the steps of any small network. A CPU does while a layer is small. It is no
    faster at several convolutions than at one; nor where one network's weights stay in its cache from step to
    step, and those of several do not. See ``benchmarks/together.py``.

    Args:
        model: one of the networks.
        device: where they are.
    """
    size = sum(parameter.numel() for parameter in model.parameters())
    if device.type != "cpu":
        return size <= SMALL_ON_GPU
    return size <= SMALL and not any(isinstance(layer, nn.modules.conv._ConvNd) for layer in model.modules())


class _InStep:
    """Networks that are trained on equally many samples.

    Args:
        trainings: the networks, and what each is trained on.
        recipe: the section ``[train]``.
    """

    def __init__(self, trainings: Sequence[Training], recipe: Recipe) -> None:
        self._trainings = trainings
        self._recipe = recipe
        shape = trainings[0].labelled.samples().stored.shape[1:]
        changes = [augmentation(recipe, shape, training.ctx.generator) for training in trainings]
        self._sets = _Sets([training.labelled for training in trainings], changes)
        held_out = [training.validation for training in trainings if training.validation is not None]
        self._held_out = _Sets(held_out, [None] * len(held_out)) if held_out else None
        models = [training.model for training in trainings]
        self._judges = [Best(model, recipe) for model in models]
        self._stack = Stack(models, [training.seed for training in trainings])
        self._optimizer = make_optimizer(self._stack, recipe)
        self._going = list(range(len(trainings)))  # which training each network of the stack is

    def train(self) -> list[TrainResult | TrialError]:
        """How each training went."""
        recipe = self._recipe
        results: dict[int, TrainResult | TrialError] = {}
        model, at_once = self._trainings[0].model, recipe.batch_size * len(self._trainings)
        try:
            with threads_for_training(model, self._sets.example(), at_once):
                for epoch in range(1, recipe.epochs + 1):
                    self._optimizer.param_groups[0]["lr"] = recipe.learning_rate * recipe.rate_factor(
                        epoch - 1
                    )
                    results |= self._ended(epoch, self._epoch())
                    self._release([place for place, which in enumerate(self._going) if which in results])
                    if not self._going:
                        break
        finally:
            self._release(range(len(self._going)))
        return [results[which] for which in range(len(self._trainings))]

    @property
    def _device(self) -> torch.device:
        return self._trainings[0].ctx.device

    def _epoch(self) -> list[list[float]]:
        """An epoch of all networks: of each its loss, training accuracy and validation accuracy and loss."""
        self._stack.train()
        cuts = batches(torch.arange(self._sets.size), self._recipe.batch_size)
        generators = [self._trainings[which].ctx.generator for which in self._going]
        order = torch.stack([torch.randperm(self._sets.size, generator=one) for one in generators])
        parts = order[:, torch.cat(cuts)].to(self._device).split([len(cut) for cut in cuts], dim=1)
        losses, rights = zip(*map(self._step, parts), strict=True)
        numbers = [*losses, torch.stack(rights).sum(dim=0), *self._validated()]
        # what is on the device is read once
        read = torch.stack([number.float() for number in numbers]).cpu().double()
        shares = torch.tensor([len(cut) for cut in cuts], dtype=torch.float64)
        loss = (shares / shares.sum()) @ read[: len(cuts)]
        accuracy = read[len(cuts)] / shares.sum()
        return torch.stack([loss, accuracy, *read[len(cuts) + 1 :]]).T.tolist()

    def _step(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """A gradient step: each network's loss of its batch, and how many of it are predicted right."""
        x, y = self._sets.batch(rows)
        mixed = self._recipe.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=mixed):
            logits = self._stack(x)
            losses = _losses(logits, y)
        self._optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        self._optimizer.step()
        return losses.detach(), (logits.argmax(dim=2) == y).sum(dim=1)

    @torch.no_grad()
    def _validated(self) -> list[Tensor]:
        """Validation accuracies and losses, where there are validation samples."""
        if self._held_out is None:
            return []
        self._stack.eval()
        rows = torch.arange(self._held_out.size, device=self._device).expand(len(self._going), -1)
        parts = [self._held_out.batch(part) for part in rows.split(BATCH_SIZE, dim=1)]
        logits = torch.cat([self._stack(x) for x, _ in parts], dim=1)
        y = torch.cat([y for _, y in parts], dim=1)
        return [(logits.argmax(dim=2) == y).float().mean(dim=1), _losses(logits, y)]

    def _ended(self, epoch: int, numbers: list[list[float]]) -> dict[int, TrainResult | TrialError]:
        """The results of those networks that end with this epoch."""
        recipe = self._recipe
        ended: dict[int, TrainResult | TrialError] = {}
        for which, (loss, accuracy, *validated) in zip(self._going, numbers, strict=True):
            if loss != loss:
                ended[which] = no_number(epoch, recipe)
                continue
            self._trainings[which].ctx.progress(epoch, recipe.epochs)
            over = epoch == recipe.epochs
            judge = self._judges[which]
            if validated:
                over |= judge.hears(epoch, *validated)
            if over or (recipe.stop_accuracy is not None and accuracy >= recipe.stop_accuracy):
                verdict = judge.verdict(epoch) if validated else ()
                ended[which] = TrainResult(epoch, accuracy, loss, *verdict)
        return ended

    def _release(self, places: Collection[int]) -> None:
        if places:
            order = self._stack.release(places, self._optimizer)
            self._going = [self._going[place] for place in order]
            for sets in (self._sets, self._held_out):
                if sets is not None:
                    sets.keep(order)


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    """Each network's mean cross-entropy."""
    each = functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
    return each.unflatten(0, y.shape).mean(dim=1)


class _Sets:
    """Equally many samples of each of several networks.

    Args:
        views: of each network its samples and labels.
        changes: how each network's batches are augmented, or None.
    """

    def __init__(self, views: Sequence[LabelledView], changes: Sequence[Transform | None]) -> None:
        self.size = len(views[0])
        self._changes = list(changes)
        self._targets = torch.cat([view.targets for view in views])
        self._samples = [
            view.samples() if change else view.samples().made()
            for view, change in zip(views, changes, strict=True)
        ]
        self._starts = torch.arange(len(views), device=self._targets.device)[:, None] * self.size
        self._all: Tensor | None = None
        stored = [samples.stored for samples in self._samples]
        as_they_are = not any(changes) and all(samples.transform is None for samples in self._samples)
        if as_they_are and sum(one.numel() * one.itemsize for one in stored) <= KEPT_BYTES:
            self._all = torch.cat(stored).to(
                self._targets.device
            )  # so that one read makes the batches of all

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Network inputs ``T x b x ...`` and labels ``T x b``.

        Args:
            rows: ``T x b`` positions among each network's samples.
        """
        places = (rows + self._starts).flatten()
        y = self._targets.index_select(0, places).view(rows.shape)
        if self._all is not None:
            return self._all.index_select(0, places).unflatten(0, rows.shape), y
        parts = zip(self._samples, rows, self._changes, strict=True)
        return torch.stack([samples.batch(own, change) for samples, own, change in parts]), y

    def example(self) -> Tensor:
        """One network input, ``1 x ...``, not augmented."""
        return self._samples[0].batch(torch.zeros(1, dtype=torch.int64, device=self._targets.device))

    def keep(self, order: list[int]) -> None:
        """Keeps some of the networks, in this order."""
        self._starts = self._starts[order]
        self._samples = [self._samples[place] for place in order]
        self._changes = [self._changes[place] for place in order]
