"""Reads a data set through the package datasets, offline unless a download is allowed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe import Dataset, Normalize, UsageError, dataset_from_frame, decode_images

if TYPE_CHECKING:
    from alframe_huggingface import Options

SAVED = ("dataset_dict.json", "state.json")  # files that save_to_disk leaves


def load(location: str, download: bool, options: Options) -> Dataset:
    """Reads a data set.

    Args:
        location: a name on the hub, or a folder that ``save_to_disk`` wrote, or of parquet, CSV or images.
        download: whether the hub may be asked.
        options: splits, columns, size of the images.

    Raises:
        UsageError: the package is not installed; the data set, a split or a column is not there; or images
            can't be decoded.
    """
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            "huggingface: needs the package datasets; alframe's extra brings it: "
            "pip install 'alframe[huggingface]'"
        ) from error
    splits = _read(datasets, location, download, options.config)
    train = _split(location, splits, options.train_split)
    test = None
    if options.test_split is not None or "test" in splits:
        test = _split(location, splits, options.test_split or "test")
    image = options.image or _only_column(train, datasets.Image)
    target = options.target or _only_column(train, datasets.ClassLabel)
    for option, column in (("image", image), ("target", target)):
        if column is not None and column not in train.column_names:
            raise UsageError(_which(location, option, f"has no column {column!r}", train))
    if target is None:
        raise UsageError(_which(location, "target", "has no single column of classes", train))
    name = Path(location).name
    if image is None:
        return _table(name, train, test, target)
    return _images(name, location, train, test, image, target, options)


def _read(datasets: Any, location: str, download: bool, config: str | None) -> Any:
    """All splits, by name."""
    path = Path(location)
    try:
        with _quiet(datasets), _connection(allowed=download):
            if any((path / file).exists() for file in SAVED):
                found = datasets.load_from_disk(location)
            else:
                found = datasets.load_dataset(location, config)
    except Exception as error:  # the package raises its own errors, the transport's and the parsers'
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "" if download or path.exists() else "; --download may fetch it"
        raise UsageError(f"huggingface: data set {location!r} can't be had: {reason}{hint}") from error
    return found if isinstance(found, dict) else {"train": found}


@contextlib.contextmanager
def _connection(*, allowed: bool) -> Iterator[None]:
    """Makes both packages take the way they take where the environment says HF_HUB_OFFLINE."""
    import datasets.config
    import huggingface_hub.constants

    places: tuple[Any, Any] = (datasets.config, huggingface_hub.constants)
    before = [place.HF_HUB_OFFLINE for place in places]
    try:
        for place, offline in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = offline or not allowed
        yield
    finally:
        for place, offline in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = offline


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without the package's own progress bars."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _split(location: str, splits: Any, name: str) -> Any:
    if name not in splits:
        raise UsageError(
            f"huggingface: data set {location!r} has no split {name!r}; -o data.train_split= and "
            f"data.test_split= name two of {', '.join(splits)}"
        )
    return splits[name]


def _only_column(split: Any, kind: type) -> str | None:
    columns = [name for name, feature in split.features.items() if isinstance(feature, kind)]
    return columns[0] if len(columns) == 1 else None


def _which(location: str, option: str, problem: str, split: Any) -> str:
    columns = ", ".join(split.column_names[:20])
    return f"huggingface: data set {location!r} {problem}; -o data.{option}= names one of {columns}"


def _table(name: str, train: Any, test: Any, target: str) -> Dataset:
    import pandas as pd

    if test is None:
        return dataset_from_frame(name, train.to_pandas(), target)
    whole = dataset_from_frame(
        name, pd.concat([train.to_pandas(), test.to_pandas()], ignore_index=True), target
    )
    return dataclasses.replace(
        whole,
        inputs=whole.inputs[: len(train)],
        targets=whole.targets[: len(train)],
        test_inputs=whole.inputs[len(train) :],
        test_targets=whole.targets[len(train) :],
    ).prepared()


def _images(
    name: str, location: str, train: Any, test: Any, image: str, target: str, options: Options
) -> Dataset:
    import datasets

    classes = np.unique(np.asarray(train[target]))
    parts: list[Any] = []
    size = options.size
    for part in (train, test):
        if part is None:
            parts += [None, None]
            continue
        labels = np.asarray(part[target])
        unknown = np.setdiff1d(labels, classes)
        if len(unknown):
            raise UsageError(
                f"huggingface: the test part of {location!r} has classes that the training part lacks: "
                f"{', '.join(map(str, unknown[:5]))}"
            )
        files = part.cast_column(image, datasets.Image(decode=False))[image]
        parts += decode_images(
            f"huggingface: {location}",
            [file["bytes"] or Path(file["path"] or "") for file in files],
            [file["path"] or f"row {row}" for row, file in enumerate(files)],
            np.searchsorted(classes, labels).tolist(),
            size=size,
            bad_images=options.bad_images,
        )
    x, y, test_x, test_y = parts
    dataset = Dataset(name, x, y, len(classes), test_x, test_y, fit=Normalize.of)
    return dataset if test is None else dataset.prepared()
