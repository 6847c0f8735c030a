"""MNIST from a local folder, or downloaded when that is allowed."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from alframe import Dataset, UsageError

MEAN, STD = 0.1307, 0.3081  # of the training images' pixels


def load(data_dir: Path, download: bool) -> Dataset:
    """Reads MNIST as torchvision stores it, in ``DATA_DIR/MNIST/raw``, packed or unpacked.

    Raises:
        UsageError: files are missing or damaged, or the download failed.
    """
    folder = data_dir / "MNIST" / "raw"
    try:
        if download:
            _download(data_dir)
        inputs, targets = _part(folder, "train")
        test_inputs, test_targets = _part(folder, "t10k")
    except FileNotFoundError as error:
        raise UsageError(
            f"mnist: there is no {error.filename}. --data-dir names the folder that holds MNIST/raw; "
            "--download fetches the files into it"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, AssertionError) as error:
        task = "be downloaded to" if download else "be read from"
        raise UsageError(f"mnist can't {task} {folder}: {error or 'a file is damaged'}") from error
    return Dataset("mnist", inputs, targets, 10, test_inputs, test_targets)


def _download(data_dir: Path) -> None:
    from torchvision.datasets import MNIST

    with contextlib.redirect_stdout(sys.stderr):  # torchvision prints its mirrors' failures
        MNIST(str(data_dir), download=True)


def _part(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    from torchvision.datasets.mnist import read_image_file, read_label_file

    images = _read(folder / f"{part}-images-idx3-ubyte", read_image_file)
    labels = _read(folder / f"{part}-labels-idx1-ubyte", read_label_file)
    pixels = images[:, None].to(torch.float32).div_(255)
    return pixels.sub_(MEAN).div_(STD), labels


def _read(path: Path, reader: Callable[[str], Tensor]) -> Tensor:
    """Reads an idx file, or an unpacked copy of ``path.gz`` elsewhere: the folder may be read-only."""
    packed = path.with_name(path.name + ".gz")
    if path.exists() or not packed.exists():
        return reader(str(path))
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = Path(temporary) / path.name
        with gzip.open(packed) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        return reader(str(unpacked))
