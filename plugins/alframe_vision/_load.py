"""Reads a data set of the catalogue, or downloads it when that is allowed."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path

from alframe import DamagedFileError, Dataset, Normalize, UsageError, one_line
from alframe_vision._catalogue import Source
from alframe_vision._readers import READERS


def load(name: str, source: Source, data_dir: Path, download: bool) -> Dataset:
    """Reads a data set as torchvision stores it under ``data_dir``.

    Args:
        name: its name.
        source: its entry in the catalogue.
        data_dir: folder of data sets.
        download: whether what is missing may be fetched.

    Raises:
        UsageError: a file is missing or can't be opened, or the download failed; the message names folder
            and file.
        DamagedFileError: a file is not what its format promises.
    """
    if download and source.torchvision:
        _download(name, source, data_dir)
    paths = [data_dir / file for file in source.files]
    for path in paths:
        if not (path.is_file() or path.with_name(path.name + ".gz").is_file()):
            raise UsageError(
                f"{name}: there is no {path.name} in {path.parent}. --data-dir names the folder that holds "
                f"{source.files[0]}; {source.obtain or '--download fetches the files into it'}"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)  # of values that no byte or class number holds
            images, labels, test_images, test_labels = READERS[source.reader](paths)
        if not (images.numel() and test_images.numel()):
            raise ValueError("a file holds no images")
        if source.mean and images.shape[1] != len(source.mean):
            raise ValueError(f"images have {images.shape[1]} channels, and {len(source.mean)} are expected")
    except Exception as error:  # what a reader raises for a damaged file depends on format and damage
        is_closed = isinstance(error, PermissionError | IsADirectoryError)
        kind = UsageError if is_closed else DamagedFileError
        raise kind(f"{name} can't be read from {paths[0].parent}: {_reason(error)}") from error
    normalize = Normalize(source.mean, source.std) if source.mean else Normalize.of(images)
    return Dataset(
        name,
        images,
        labels.long(),
        source.classes,
        test_images,
        test_labels.long(),
        transform=normalize,
    )


def _download(name: str, source: Source, data_dir: Path) -> None:
    from torchvision import datasets

    make = getattr(datasets, source.torchvision)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torchvision prints its mirrors' failures
            for arguments in source.download:
                make(str(data_dir), download=True, **arguments)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise UsageError(f"{name} can't be downloaded to {data_dir}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"a file has no {error.args[0]!r}"
    return one_line(error) or "a file is damaged"
