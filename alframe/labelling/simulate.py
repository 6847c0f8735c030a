"""A data set whose labels are known, written out as a folder of pictures that nobody has labelled yet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from alframe.errors import UsageError
from alframe.records.writing import unwritable

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.data.dataset import Dataset

SUFFIX = ".png"


@dataclasses.dataclass(frozen=True)
class Truth:
    """What the samples of a simulated session are.

    Attributes:
        classes: names of the classes, in order.
        of: the class of each sample, by id.
    """

    classes: tuple[str, ...]
    of: dict[str, str]


def write_pictures(dataset: Dataset, folder: Path) -> Truth:
    """Writes the training part as PNG files, ``00017.png``; those that are there already are left.

    Args:
        dataset: pictures, bytes or numbers that are scaled to bytes.
        folder: made where it is not there.

    Raises:
        UsageError: the samples are no pictures, or a label is not known.
        AlframeError: the folder can't be written to.
    """
    from PIL import Image

    if (dataset.targets < 0).any():
        raise UsageError(f"data set {dataset.name!r} has samples without a label: an oracle needs them all")
    pictures = _as_bytes(dataset)
    names = [f"{row:05}{SUFFIX}" for row in range(len(pictures))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in zip(names, pictures, strict=True):
            if not (folder / name).exists():
                new = folder / f".{name}"  # a picture is there whole or not at all
                Image.fromarray(picture.numpy()).save(new, format="PNG")
                new.rename(folder / name)
    except OSError as error:
        raise unwritable(folder, error) from error
    classes = tuple(str(number) for number in range(dataset.num_classes))
    of = dict(zip(names, (classes[target] for target in dataset.targets.tolist()), strict=True))
    return Truth(classes, of)


def _as_bytes(dataset: Dataset) -> Tensor:
    """``M x H x W`` or ``M x H x W x 3`` bytes."""
    import torch

    inputs = dataset.inputs
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3) or min(inputs.shape[2:]) < 2:
        shape = " x ".join(map(str, inputs.shape[1:]))
        raise UsageError(
            f"data set {dataset.name!r} has samples of {shape} numbers; `alframe label` can show pictures, "
            "1 or 3 x height x width"
        )
    if inputs.dtype != torch.uint8:
        low, high = inputs.min(), inputs.max()
        inputs = ((inputs - low) * (255 / (high - low).clamp(min=1e-12))).round().to(torch.uint8)
    return inputs[:, 0] if inputs.shape[1] == 1 else inputs.permute(0, 2, 3, 1).contiguous()
