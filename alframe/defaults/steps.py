"""A gradient step, and how an epoch of them goes one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from alframe.defaults.augmentation import Augmentation
from alframe.defaults.updates import Update

if TYPE_CHECKING:
    from alframe.data.samples import Samples
    from alframe.networks.classifier import Classifier

    Objective = Callable[..., tuple[Tensor, Tensor]]

Drawn = tuple[Any, ...]


class Stepping(Protocol):
    """What does a gradient step: `Step`, or the step of several networks."""

    def state(self) -> list[Tensor]:
        """All that a step moves."""
        ...

    def draws(self, sizes: list[int]) -> Iterable[Drawn]:
        """What each batch of an epoch needs of random numbers.

        Args:
            sizes: how many samples each has.
        """
        ...

    def __call__(self, rows: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and how many of it are predicted right; the first dimension of rows is it."""
        ...


class Step:
    """One gradient step on some of the samples.

    All that is random in it, dropout apart, is drawn beforehand on the CPU by `draws`. What remains takes
    tensors and gives tensors: it runs as it is, or is captured in a CUDA graph, with the same numbers.

    Args:
        model: the network.
        samples: the samples to train on.
        targets: their class numbers, on the device.
        augment: changes images, or None.
        objective: see `alframe.train_supervised`.
        update: moves the weights.
        generator: a CPU generator.
        bfloat16: whether the loss is computed in mixed precision.
    """

    def __init__(
        self,
        model: Classifier,
        samples: Samples,
        targets: Tensor,
        augment: Augmentation | None,
        objective: Objective,
        update: Update,
        generator: torch.Generator,
        *,
        bfloat16: bool = False,
    ) -> None:
        self._model = model
        self._samples = samples
        self._targets = targets
        self._augment = augment
        self._objective = objective
        self._update = update
        self._generator = generator
        self._mixed = torch.autocast(targets.device.type, torch.bfloat16) if bfloat16 else None
        self._draws = getattr(objective, "draws", None)
        self._one: Tensor | None = None

    @property
    def is_tensors_only(self) -> bool:
        """Whether all that the objective draws is known beforehand, so that a graph may hold the step."""
        return self._draws is not None

    def state(self) -> list[Tensor]:
        """All that a step moves."""
        return [*self._update.state(), *self._model.buffers()]

    def draws(self, sizes: list[int]) -> Iterator[Drawn]:
        """What each batch's augmentation and loss need of random numbers, tensors on the CPU.

        Args:
            sizes: samples of each batch.
        """
        for size in sizes:
            changes = () if self._augment is None else (self._augment.draws(size),)
            yield changes if self._draws is None else (*changes, *self._draws(size, self._generator))

    def __call__(self, rows: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and how many of it are predicted right, before the weights move.

        Args:
            rows: ``b`` positions, on the device.
            drawn: what `draws` gave, its tensors on the device.
        """
        if self._augment is None:
            x = self._samples.batch(rows)
        else:
            augment, (changes, *drawn) = self._augment, drawn  # type: ignore[assignment]
            x = self._samples.batch(rows, lambda images: augment(images, changes))
        y = self._targets.index_select(0, rows)
        numbers = (self._generator,) if self._draws is None else drawn
        self._update.forget_gradients()
        with self._mixed or _as_it_is:
            loss, right = self._objective(self._model, x, y, *numbers)
        if self._one is None:
            self._one = torch.ones_like(loss)
        loss.backward(self._one)  # which torch would make anew each time
        self._update()
        return loss.detach(), right


_as_it_is = contextlib.nullcontext()  # leaving autocast takes 20 microseconds, though it is not enabled


class OneByOne:
    """Epochs whose steps Python starts one after the other.

    Args:
        step: the step.
        device: where it runs.
    """

    def __init__(self, step: Stepping, device: torch.device) -> None:
        self._step = step
        self._device = device

    def epoch(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Losses of an epoch's steps, and how many of each batch were predicted right; on the device.

        Args:
            parts: the batches' positions, on the CPU.
        """
        losses, rights = [], []
        sizes = [len(rows) for rows in parts]
        there = torch.cat(parts).to(self._device).split(sizes)
        for rows, drawn in zip(there, self._step.draws(sizes), strict=True):
            loss, right = self._step(rows, moved(drawn, self._device))
            losses.append(loss)
            rights.append(right)
        return torch.stack(losses), torch.stack(rights)


def moved(drawn: Drawn, device: torch.device) -> Drawn:
    """What was drawn, its tensors on a device."""
    return tuple(value.to(device) if isinstance(value, Tensor) else value for value in drawn)
