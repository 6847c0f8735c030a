"""Several networks of one design trained in step: as each would be alone, but their gradient steps are one.

The networks are stacked (see `alframe.defaults.stacked_layers`). The loss is the sum of theirs and optimisers
work number by number, so each goes its own way: with its own samples, order of batches, random streams, early
stop and end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe.contract.recipe import TrainResult
from alframe.defaults.augmentation import augmentation
from alframe.defaults.capture import WORTH, Captured
from alframe.defaults.stacked_layers import Stack, closed_up, stackable
from alframe.defaults.steps import OneByOne
from alframe.defaults.threads import threads_for_training
from alframe.defaults.training import Best, Runner, batches, no_number, products
from alframe.defaults.updates import Update
from alframe.errors import TrialError
from alframe.ops.blocks import rows_per_pass

if TYPE_CHECKING:
    from alframe.contract.recipe import Recipe
    from alframe.contract.training import Training
    from alframe.contract.views import LabelledView
    from alframe.data.samples import Samples, Transform
    from alframe.defaults.augmentation import Augmentation
    from alframe.defaults.steps import Drawn

PARAMETERS_AT_ONCE = 2_000_000  # of a stack on a CPU
MOST_BYTES = 1 << 32  # of all networks' samples side by side
MOST_MASKS = 1 << 23  # numbers that a network's layers of dropout keep or drop in an epoch, drawn at once
SMALL = 500_000  # parameters: 2 MB of weights
SMALL_ON_GPU = 4_000_000  # of tens of networks at once, and what their layers hold


def train_stacked(trainings: Sequence[Training], recipe: Recipe) -> Sequence[TrainResult | TrialError] | None:
    """Fits networks in place, up to rounding as `alframe.defaults.training.train_supervised` fits each alone.

    Those with equally many labelled samples take their steps together, on a CPU as many as its cache holds.

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
    samples = [training.labelled.samples() for training in trainings]
    made_alike = all(one.transform == samples[0].transform for one in samples)
    if not made_alike or sum(one.stored.nbytes for one in samples) > MOST_BYTES:
        return None
    groups: dict[tuple[int, int], list[int]] = {}
    for place, training in enumerate(trainings):
        held_out = 0 if training.validation is None else len(training.validation)
        groups.setdefault((len(training.labelled), held_out), []).append(place)
    results: dict[int, TrainResult | TrialError] = {}
    at_once = _at_once(trainings[0].model, trainings[0].ctx.device)
    for alike in groups.values():
        for start in range(0, len(alike), at_once):
            places = alike[start : start + at_once]
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


def draws_ahead(device: torch.device) -> bool:
    """Whether dropout's masks are drawn for an epoch at once; on a CPU each batch's are what torch draws."""
    return device.type != "cpu"


def _at_once(model: nn.Module, device: torch.device) -> int:
    """How many networks a stack has at most: a CPU is slower at more than fit into its cache."""
    if device.type != "cpu":
        return sys.maxsize
    return max(1, PARAMETERS_AT_ONCE // sum(parameter.numel() for parameter in model.parameters()))


class Steps:
    """Gradient steps of a stack, as `alframe.defaults.steps.Step` are a single network's.

    Args:
        stack: ``T`` networks.
        samples: what they train on, side by side.
        targets: class numbers of these.
        augments: how each network's images are changed, all alike but for what is drawn; or None.
        recipe: the section ``[train]``.
        shapes: of what layers of dropout keep or drop of a sample: the masks of an epoch are drawn with its
            first step, one network's at once. None: the layers draw those of a batch.
    """

    def __init__(
        self,
        stack: Stack,
        samples: Samples,
        targets: Tensor,
        augments: Sequence[Augmentation | None],
        recipe: Recipe,
        shapes: Sequence[torch.Size] | None = None,
    ) -> None:
        self._stack = stack
        self._shapes = shapes
        self._samples = samples
        self._targets = targets
        self._augments = list(augments)
        bfloat16 = recipe.precision == "bfloat16"
        self._mixed = torch.autocast(targets.device.type, torch.bfloat16) if bfloat16 else None
        self.update = Update(stack, recipe)

    def state(self) -> list[Tensor]:
        """All that a step moves."""
        return [*self.update.state(), *self._stack.buffers()]

    @property
    def is_tensors_only(self) -> bool:
        """Whether all that is random is drawn beforehand, so that a graph may hold a step."""
        return self._shapes is not None or not self._stack.draws

    def draws(self, sizes: list[int]) -> Iterator[Drawn]:
        """What each batch needs of random numbers.

        First for augmentation ``3 x Tb x 1`` numbers, network after network; then what each layer of dropout
        keeps, ``T x b x ...``, on the device.
        """
        masks = [] if self._shapes is None else self._stack.masks(sum(sizes), self._shapes)
        of_batches = zip(*(mask.split(sizes, dim=1) for mask in masks), strict=True) if masks else None
        for size in sizes:
            drawn = [augment.draws(size) for augment in self._augments if augment is not None]
            changes = (torch.cat(drawn, dim=1),) if drawn else ()
            yield changes if of_batches is None else (*changes, *next(of_batches))

    def __call__(self, rows: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """Each network's loss of its batch, and how many of it are predicted right.

        Args:
            rows: ``b x T`` positions, on the device.
            drawn: what `draws` gave, on the device.
        """
        augment, change = self._augments[0], None
        if augment is not None:
            change = functools.partial(augment, drawn=drawn[0])
            drawn = drawn[1:]
        if self._shapes is not None:
            self._stack.use(drawn)
        x, y = batch(self._samples, self._targets, rows, change)
        self.update.forget_gradients()
        with self._mixed or contextlib.nullcontext():
            logits = self._stack(x)
            losses = _losses(logits, y)
        losses.backward(torch.ones_like(losses))  # of their sum
        self.update()
        return losses.detach(), (logits.detach().argmax(dim=2) == y).sum(dim=1)

    def shrink(self) -> list[int]:
        """Goes on without the networks that have left the stack; see `Stack.shrink`."""
        order = self._stack.shrink()
        self.update = self.update.continued(self._stack, lambda values: closed_up(values, order))
        self._augments = [self._augments[place] for place in order]
        return order


class _InStep:
    """Networks that are trained on equally many samples.

    Args:
        trainings: the networks, and what each is trained on.
        recipe: the section ``[train]``.
    """

    def __init__(self, trainings: Sequence[Training], recipe: Recipe) -> None:
        self._trainings = trainings
        self._recipe = recipe
        self._device = trainings[0].ctx.device
        self._size = len(trainings[0].labelled)
        samples, targets = _side_by_side([training.labelled for training in trainings])
        shape = samples.stored.shape[1:]
        augments = [augmentation(recipe, shape, training.ctx.generator) for training in trainings]
        self._samples = samples if recipe.augment else samples.made()
        held_out = [training.validation for training in trainings if training.validation is not None]
        self._held_out = _side_by_side(held_out) if held_out else None
        self._judges = [Best(training.model, recipe) for training in trainings]
        self._stack = Stack(
            [training.model for training in trainings], [training.seed for training in trainings]
        )
        self._steps = Steps(self._stack, self._samples, targets, augments, recipe, self._shapes())
        self._going = list(range(len(trainings)))  # which training each network of the stack is
        self._run = self._runner()

    def train(self) -> list[TrainResult | TrialError]:
        """How each training went."""
        recipe = self._recipe
        results: dict[int, TrainResult | TrialError] = {}
        model, at_once = self._trainings[0].model, recipe.batch_size * len(self._trainings)
        one = self._samples.batch(torch.zeros(1, dtype=torch.int64, device=self._device))
        try:
            with threads_for_training(model, one, at_once), products(recipe.precision):
                for epoch in range(1, recipe.epochs + 1):
                    self._steps.update.set_rate(recipe.rate_factor(epoch - 1))
                    ended = self._ended(epoch, self._epoch(), results)
                    results |= ended
                    if len(results) == len(self._trainings):
                        break
                    self._part_with(ended, results)
        finally:
            self._stack.leave(range(len(self._going)))
            self._close()
        return [results[which] for which in range(len(self._trainings))]

    def _shapes(self) -> list[torch.Size] | None:
        """Of dropout's masks, where those of an epoch are drawn at once: a graph knows no others."""
        if not self._stack.draws or not draws_ahead(self._device):
            return None
        one = self._samples.batch(torch.zeros(1, dtype=torch.int64, device=self._device))
        shapes = self._stack.widths(one.expand(len(self._trainings), *one.shape))
        small = self._size * sum(math.prod(shape) for shape in shapes) <= MOST_MASKS
        return shapes if small else None

    def _runner(self) -> Runner:
        """What runs the steps: a graph where it pays."""
        steps = self._recipe.epochs * -(-self._size // self._recipe.batch_size)
        wanted = self._device.type == "cuda" and self._recipe.capture != "off" and steps >= WORTH
        return (Captured if wanted and self._steps.is_tensors_only else OneByOne)(self._steps, self._device)

    def _close(self) -> None:
        if isinstance(self._run, Captured):
            self._run.close()

    def _epoch(self) -> list[list[float]]:
        """An epoch of all networks: of each its loss, training accuracy and validation accuracy and loss."""
        self._stack.train()
        cuts = batches(torch.arange(self._size), self._recipe.batch_size)
        order = torch.stack([self._shuffled(which) for which in self._going], dim=1)
        losses, rights = self._run.epoch([order[cut] for cut in cuts])
        # what is on the device is read once
        read = torch.stack([*losses.double(), rights.sum(dim=0).double(), *self._validated()]).cpu()
        counts = torch.tensor([len(cut) for cut in cuts], dtype=torch.float64)
        loss = (counts / counts.sum()) @ read[: len(cuts)]
        accuracy = read[len(cuts)] / counts.sum()
        return torch.stack([loss, accuracy, *read[len(cuts) + 1 :]]).T.tolist()

    def _shuffled(self, which: int) -> Tensor:
        order = torch.randperm(self._size, generator=self._trainings[which].ctx.generator)
        return which * self._size + order

    @torch.no_grad()
    def _validated(self) -> list[Tensor]:
        """Validation accuracies and losses, where there are validation samples."""
        if self._held_out is None:
            return []
        self._stack.eval()
        samples, targets = self._held_out
        size = len(samples) // len(self._trainings)
        starts = torch.tensor(self._going, device=self._device) * size
        rows = starts + torch.arange(size, device=self._device)[:, None]
        at_once = rows_per_pass(samples.stored[:1].numel(), self._device) // len(self._going)
        parts = [batch(samples, targets, part) for part in rows.split(max(1, at_once))]
        logits = torch.cat([self._stack(x) for x, _ in parts], dim=1)
        y = torch.cat([y for _, y in parts], dim=1)
        right = (logits.argmax(dim=2) == y).float().mean(dim=1)
        return [right.double(), _losses(logits, y).double()]

    def _ended(
        self, epoch: int, numbers: list[list[float]], known: Collection[int]
    ) -> dict[int, TrainResult | TrialError]:
        """The results of those networks that end with this epoch."""
        recipe = self._recipe
        ended: dict[int, TrainResult | TrialError] = {}
        for which, (loss, accuracy, *validated) in zip(self._going, numbers, strict=True):
            if which in known:
                continue
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

    def _part_with(self, ended: Mapping[int, TrainResult | TrialError], results: Collection[int]) -> None:
        """Lets networks go that have ended; their places in a graph only where it pays to capture another."""
        if not ended:
            return
        self._stack.leave(place for place, which in enumerate(self._going) if which in ended)
        left = sum(which not in results for which in self._going)
        failed = any(isinstance(result, TrialError) for result in ended.values())
        if isinstance(self._run, Captured) and 2 * left > len(self._going) and not failed:
            return
        self._close()
        self._going = [self._going[place] for place in self._steps.shrink()]
        self._run = self._runner()


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    """Each network's mean cross-entropy."""
    each = functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
    return each.unflatten(0, y.shape).mean(dim=1)


def _side_by_side(views: Sequence[LabelledView]) -> tuple[Samples, Tensor]:
    """The samples of several views, one view's after the other's, and their labels."""
    samples = [view.samples() for view in views]
    together = dataclasses.replace(samples[0], stored=torch.cat([one.stored for one in samples]))
    return together.near(), torch.cat([view.targets for view in views])


def batch(
    samples: Samples, targets: Tensor, rows: Tensor, augment: Transform | None = None
) -> tuple[Tensor, Tensor]:
    """Network inputs ``T x b x ...`` and labels ``T x b``.

    Args:
        samples: those of all networks.
        targets: their class numbers.
        rows: ``b x T`` positions among them.
        augment: changes the stored batch.
    """
    networks_first = rows.T
    places = networks_first.flatten()
    x = samples.batch(places, augment).unflatten(0, networks_first.shape)
    return x, targets.index_select(0, places).view(networks_first.shape)
