"""The file formats: each reader makes images and labels of the files that the catalogue names.

A reader takes the paths in the catalogue's order and returns training images, training labels, test images
and test labels; images are ``n x channels x height x width`` bytes, labels count from 0.
"""

from __future__ import annotations

import bz2
import gzip
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe_vision._pickles import load_pickle

Parts = tuple[Tensor, Tensor, Tensor, Tensor]
Piece = tuple[Tensor, Tensor, int]  # images, the rows of a class, its number
TESTED = 0.2  # share of each class of miniimagenet that is the test part


def idx(paths: Sequence[Path]) -> Parts:
    """MNIST's format: big-endian, a file of images and one of labels each."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    readers = (read_image_file, read_label_file) * 2
    x, y, test_x, test_y = (_unpacked(path, read) for path, read in zip(paths, readers, strict=True))
    return x[:, None], y, test_x[:, None], test_y


def emnist(paths: Sequence[Path]) -> Parts:
    """The same with images on their side and labels from 1."""
    x, y, test_x, test_y = idx(paths)
    return x.transpose(2, 3).contiguous(), y - 1, test_x.transpose(2, 3).contiguous(), test_y - 1


def usps(paths: Sequence[Path]) -> Parts:
    """Lines of ``label index:value ...`` with labels from 1 and values in -1..1, packed by bzip2."""
    parts: list[Tensor] = []
    for path in paths:
        with bz2.open(path, "rt") as file:
            rows = [line.split() for line in file]
        values = np.array([[field.rpartition(":")[2] for field in row[1:]] for row in rows], dtype=np.float32)
        pixels = ((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
        parts += [torch.from_numpy(pixels), torch.tensor([int(float(row[0])) - 1 for row in rows])]
    return parts[0], parts[1], parts[2], parts[3]


def svhn(paths: Sequence[Path]) -> Parts:
    """MATLAB arrays ``X`` of height x width x channels x n and ``y``, in which the digit 0 is 10."""
    from scipy.io import loadmat

    parts: list[Tensor] = []
    for path in paths:
        arrays = loadmat(path, appendmat=False, variable_names=("X", "y"))
        labels = torch.from_numpy(arrays["y"].astype(np.int64).reshape(-1) % 10)
        parts += [torch.from_numpy(np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1))), labels]
    return parts[0], parts[1], parts[2], parts[3]


def cifar(paths: Sequence[Path]) -> Parts:
    """Pickled dictionaries of ``data [n, 3072]`` and ``labels`` or ``fine_labels``, the test part last."""
    batches = [load_pickle(path) for path in paths]
    images = [_pixels(batch["data"]).reshape(-1, 3, 32, 32) for batch in batches]
    labels = [_numbers(batch.get("labels", batch.get("fine_labels"))) for batch in batches]
    return torch.cat(images[:-1]), torch.cat(labels[:-1]), images[-1], labels[-1]


def stl10(paths: Sequence[Path]) -> Parts:
    """Bytes of ``n x 3 x 96 x 96``, column by column, and labels from 1."""
    parts = []
    for path in paths:
        array = torch.from_numpy(np.fromfile(path, dtype=np.uint8))
        is_image = path.name.endswith("X.bin")
        parts.append(
            array.reshape(-1, 3, 96, 96).transpose(2, 3).contiguous() if is_image else array.long() - 1
        )
    return parts[0], parts[1], parts[2], parts[3]


def miniimagenet(paths: Sequence[Path]) -> Parts:
    """Pickled dictionaries of ``image_data [n, 84, 84, 3]`` and, in ``class_dict``, each class's positions.

    Of each class, in the order of its positions, the first fifth is the test part. Classes are numbered by
    name.
    """
    caches = [load_pickle(path) for path in paths]
    names = sorted(name for cache in caches for name in cache["class_dict"])
    if len(set(names)) < len(names):
        raise ValueError("two files have the same class")
    kept: list[Piece] = []
    tested: list[Piece] = []
    for cache in caches:
        images = _pixels(cache["image_data"])
        free = len(images)
        for name, positions in cache["class_dict"].items():
            rows = _numbers(positions)
            free -= len(rows)
            if free < 0:
                raise ValueError(f"its classes have more images than there are: {len(images)}")
            first = round(len(rows) * TESTED)
            kept.append((images, rows[first:], names.index(name)))
            tested.append((images, rows[:first], names.index(name)))
    return (*_gathered(kept), *_gathered(tested))


def _pixels(value: Any) -> Tensor:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"where the images should be, it holds a {type(value).__name__}")
    return torch.from_numpy(np.asarray(value, np.uint8))


def _numbers(value: Any) -> Tensor:
    """A whole number an image. No lists in lists: where each is the next one's twice, there is no end."""
    is_flat = isinstance(value, list | tuple) and all(type(number) in (int, float) for number in value)
    if not (is_flat or isinstance(value, np.ndarray)):
        raise ValueError("where there should be a number for each image, it holds something else")
    return torch.as_tensor(np.asarray(value), dtype=torch.int64).reshape(-1)


def _gathered(pieces: list[Piece]) -> tuple[Tensor, Tensor]:
    """Copies the rows into one tensor at once: the pieces are more than a gigabyte."""
    labels = torch.cat([torch.full((len(rows),), label) for _, rows, label in pieces])
    gathered = torch.empty(len(labels), 3, 84, 84, dtype=torch.uint8)
    start = 0
    for images, rows, _ in pieces:
        gathered[start : start + len(rows)] = images[rows].permute(0, 3, 1, 2)
        start += len(rows)
    return gathered, labels


READERS: dict[str, Callable[[Sequence[Path]], Parts]] = {
    reader.__name__: reader for reader in (idx, emnist, usps, svhn, cifar, stl10, miniimagenet)
}


def _unpacked(path: Path, read: Callable[[str], Any]) -> Any:
    """Reads an idx file, or an unpacked copy of ``path.gz`` elsewhere: the folder may be read-only."""
    packed = path.with_name(path.name + ".gz")
    if path.exists() or not packed.exists():
        return read(str(path))
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = Path(temporary) / path.name
        with gzip.open(packed) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        return read(str(unpacked))
