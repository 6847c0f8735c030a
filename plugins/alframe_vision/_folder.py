"""Images in folders, one folder a class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from alframe import Dataset, Normalize, UsageError, decode_images

if TYPE_CHECKING:
    from alframe_vision import ImageOptions


def load(location: str, options: ImageOptions) -> Dataset:
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


def _read(root: Path, classes: list[str], options: ImageOptions) -> tuple[Tensor, Tensor]:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    files = sorted(p for p in root.glob("*/**/*") if p.suffix.lower() in IMG_EXTENSIONS)
    unknown = sorted({_class_of(path, root) for path in files} - set(classes))
    if unknown:
        raise UsageError(
            f"imagefolder: {root} has classes that the training part lacks: {', '.join(unknown)}"
        )
    labels = [classes.index(_class_of(path, root)) for path in files]
    if not files:
        raise UsageError(f"imagefolder: there are no images in the folders of {root}")
    return decode_images(
        f"imagefolder: {root}",
        files,
        [str(path.relative_to(root)) for path in files],
        labels,
        size=options.size,
        bad_images=options.bad_images,
        size_option="-o data.size=",
        skip_option="-o data.bad_images=skip",
    )


def _class_of(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]
