"""Random changes of training images, drawn for each image of a batch, made on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from alframe.errors import UsageError

if TYPE_CHECKING:
    from alframe.contract.recipe import Recipe


class Augmentation:
    """What a recipe asks for: crops, mirrored images, or both.

    What is drawn and what is done stand apart, so that an epoch's numbers can be drawn before it begins.
    Called with images alone, it does both.

    Args:
        padding: width of the border that crops reach into; 0 leaves every image where it is.
        flip: whether images are mirrored left to right, each with probability 1/2.
        generator: a CPU generator that every draw comes from.
    """

    def __init__(self, padding: int, flip: bool, generator: torch.Generator) -> None:
        self._padding = padding
        self._flip = flip
        self._generator = generator

    def draws(self, size: int) -> Tensor:
        """Random numbers of a batch: of each image how far down and right it is cut, and if it is mirrored.

        Args:
            size: ``n`` images.

        Returns:
            ``3 x n x 1`` whole numbers, on the CPU.
        """
        shifts = torch.randint(0, 2 * self._padding + 1, (2, size, 1), generator=self._generator)
        if not self._flip:
            return torch.cat([shifts, torch.zeros_like(shifts[:1])])
        mirrored = torch.rand(size, 1, generator=self._generator) < 0.5
        return torch.cat([shifts, mirrored[None].long()])

    def __call__(self, images: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Cuts each image out of itself with a black border, and mirrors those that are to be.

        Args:
            images: ``n x channels x h x w``.
            drawn: what `draws` gave, on the device; drawn now where it is missing.

        Returns:
            ``n x channels x h x w`` of the same type.
        """
        n, channels, height, width = images.shape
        device = images.device
        if drawn is None:
            drawn = self.draws(n).to(device)
        rows = drawn[0] + torch.arange(height, device=device)
        columns = drawn[1] + torch.arange(width, device=device)
        if self._flip:
            columns = torch.where(drawn[2] > 0, columns.flip(1), columns)
        samples = torch.arange(n, device=device)[:, None, None, None]
        colours = torch.arange(channels, device=device)[None, :, None, None]
        padded = functional.pad(images, (self._padding,) * 4)
        return padded[samples, colours, rows[:, None, :, None], columns[:, None, None, :]]


def augmentation(recipe: Recipe, shape: torch.Size, generator: torch.Generator) -> Augmentation | None:
    """What the recipe asks for; None where it asks for nothing.

    Args:
        recipe: names the changes.
        shape: shape of one stored sample.
        generator: a CPU generator that every draw comes from.

    Raises:
        UsageError: the samples are no images.
    """
    if not recipe.augment:
        return None
    if len(shape) != 3:
        raise UsageError(
            f"train.augment={','.join(recipe.augment)} changes images of shape (channels, height, width), "
            f"and these samples have shape {tuple(shape)}; leave it out"
        )
    padding = recipe.crop_padding if "crop" in recipe.augment else 0
    return Augmentation(padding, "flip" in recipe.augment, generator)
