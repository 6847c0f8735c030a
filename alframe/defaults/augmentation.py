"""Random changes of training images, drawn for each image of a batch, made on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from alframe.errors import UsageError

if TYPE_CHECKING:
    from alframe.contract.recipe import Recipe
    from alframe.data.samples import Transform


def augmentation(recipe: Recipe, shape: torch.Size, generator: torch.Generator) -> Transform | None:
    """What the recipe asks for, as a function of a batch of stored images; None where it asks for nothing.

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
    return lambda images: crop_and_flip(images, padding, "flip" in recipe.augment, generator)


def crop_and_flip(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Cuts each image out of itself with a black border, and mirrors half of them.

    Args:
        images: ``n x channels x h x w``.
        padding: width of the border, of zeros; 0 leaves every image where it is.
        flip: whether images are mirrored left to right, each with probability 1/2.
        generator: a CPU generator.

    Returns:
        ``n x channels x h x w`` of the same type.
    """
    n, channels, height, width = images.shape
    device = images.device
    shifts = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=generator).to(device)
    rows = shifts[0] + torch.arange(height, device=device)
    columns = shifts[1] + torch.arange(width, device=device)
    if flip:
        mirrored = (torch.rand(n, 1, generator=generator) < 0.5).to(device)
        columns = torch.where(mirrored, columns.flip(1), columns)
    samples = torch.arange(n, device=device)[:, None, None, None]
    colours = torch.arange(channels, device=device)[None, :, None, None]
    padded = functional.pad(images, (padding,) * 4)
    return padded[samples, colours, rows[:, None, :, None], columns[:, None, None, :]]
