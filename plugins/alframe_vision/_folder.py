"""Images in folders, one folder a class."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from alframe import Dataset, Normalize, UsageError

if TYPE_CHECKING:
    from alframe_vision import FolderOptions

NAMED = 5  # bad images named in a message


def load(location: str, options: FolderOptions) -> Dataset:
    """Reads ``PATH/train/CLASS/*`` and ``PATH/test/CLASS/*``, or ``PATH/CLASS/*`` without a test part.

    Every image becomes three channels, is scaled so that its shorter side is ``size`` and cut to its middle
    square; they are normalised by the mean and standard deviation of the training images.

    Args:
        location: the folder.
        options: size, and what to do with images that can't be decoded.

    Raises:
        UsageError: no such folder, no classes, a class that only the test part has, or images that can't be
            decoded.
    """
    path = Path(location)
    if not path.is_dir():
        raise UsageError(f"imagefolder: there is no folder {path}")
    has_test = (path / "train").is_dir() and (path / "test").is_dir()
    root = path / "train" if has_test else path
    classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    if len(classes) < 2:
        raise UsageError(
            f"imagefolder: {root} needs a folder for each of at least 2 classes, it has {len(classes)}"
        )
    inputs, targets = _read(root, classes, options)
    test_inputs, test_targets = _read(path / "test", classes, options) if has_test else (None, None)
    dataset = Dataset(path.name, inputs, targets, len(classes), test_inputs, test_targets, fit=Normalize.of)
    return dataset.prepared() if has_test else dataset


def _read(root: Path, classes: list[str], options: FolderOptions) -> tuple[Tensor, Tensor]:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    files = sorted(p for p in root.glob("*/**/*") if p.suffix.lower() in IMG_EXTENSIONS)
    unknown = sorted({_class_of(path, root) for path in files} - set(classes))
    if unknown:
        raise UsageError(
            f"imagefolder: {root} has classes that the training part lacks: {', '.join(unknown)}"
        )
    with ThreadPoolExecutor() as threads:  # Pillow decodes without holding the interpreter
        images = list(threads.map(lambda file: _decoded(file, options.size), files))
    bad = [str(file.relative_to(root)) for file, image in zip(files, images, strict=True) if image is None]
    if bad:
        shown = ", ".join(bad[:NAMED]) + (", ..." if len(bad) > NAMED else "")
        found = f"imagefolder: {len(bad)} of {len(files)} images in {root} can't be decoded: {shown}"
        if options.bad_images == "error":
            raise UsageError(f"{found}. Remove them, or leave them out by -o data.bad_images=skip")
        warnings.warn(f"{found}; they are left out", stacklevel=2)
    good = [(file, image) for file, image in zip(files, images, strict=True) if image is not None]
    if not good:
        raise UsageError(f"imagefolder: there are no images in the folders of {root}")
    pixels = torch.from_numpy(np.stack([image for _, image in good])).permute(0, 3, 1, 2)
    labels = torch.tensor([classes.index(_class_of(file, root)) for file, _ in good])
    return pixels.contiguous(), labels


def _class_of(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]


def _decoded(path: Path, size: int) -> np.ndarray | None:
    """``size x size x 3`` bytes; None where it is no image. Grey, palette and CMYK images are converted."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow's decoders raise
        return None
