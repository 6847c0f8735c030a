"""Reads a data set through the package datasets, offline unless a download is allowed."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe import (
    Dataset,
    ImageReader,
    Normalize,
    UsageError,
    dataset_from_frame,
    dataset_from_texts,
    one_line,
    why_no_classes,
)

if TYPE_CHECKING:
    import pandas as pd

    from alframe_huggingface import Options

SAVED = ("dataset_dict.json", "state.json")  # files that save_to_disk leaves


def load(location: str, download: bool, options: Options) -> Dataset:
    """Reads a data set.

    Args:
        location: a name on the hub, or a folder that ``save_to_disk`` wrote, or of parquet, CSV or images.
        download: whether the hub may be asked.
        options: splits, columns, size of the images.

    A label that the hub leaves out, as None or -1, is unknown.

    Raises:
        UsageError: the package is not installed; the data set, a split or a column is not there or holds
            something else; the test part lacks labels; or images can't be decoded.
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
    images = _columns(train, datasets.Image)
    if options.image is None and len(images) > 1:
        raise UsageError(_which(location, "image", "has several columns of images", train))
    image = options.image or (images[0] if images else None)
    target = options.target or _only_column(train, datasets.ClassLabel)
    text = options.text
    if image is None and text is None and target is not None:
        text = _only_text(train, target)
    for option, column in (("image", image), ("target", target), ("text", text)):
        for part in (train, test):
            if column is not None and part is not None and column not in part.column_names:
                raise UsageError(_which(location, option, f"has no column {column!r}", part))
    if target is None:
        for column, feature in train.features.items():
            if isinstance(_entry(feature), datasets.ClassLabel):
                _labels(location, train, column)  # says what several classes a sample are
        raise UsageError(_which(location, "target", "has no single column of classes", train))
    if test is not None and _labels(location, test, target).isna().any():
        raise UsageError(
            f"huggingface: the test part of {location!r} has samples without a label; -o data.test_split= "
            f"names one of {', '.join(splits)}"
        )
    if text is not None:
        found = _texts(location, train, test, text, target, options)
    elif image is None:
        found = _table(location, train, test, target, options)
    else:
        found = _images(location, train, test, image, target, options)
    used = {options.train_split, options.test_split or "test"}
    if unused := [name for name in splits if name not in used]:
        note = f"other splits are left out: {', '.join(unused)}; -o data.test_split= names the one to test on"
        found = dataclasses.replace(found, notes=(*found.notes, note))
    return found


def _read(datasets: Any, location: str, download: bool, config: str | None) -> Any:
    """All splits, by name."""
    path = Path(location)
    try:
        with _quiet(datasets), _connection(allowed=download):
            if any((path / file).exists() for file in SAVED):
                found = datasets.load_from_disk(location)
            else:
                found = _loaded(datasets, location, config)
    except Exception as error:  # the package raises its own errors, the transport's and the parsers'
        reason = one_line(error) or type(error).__name__
        hint = "" if download or path.exists() or path.is_absolute() else "; --download may fetch it"
        raise UsageError(f"huggingface: data set {location!r} can't be had: {reason}{hint}") from error
    return found if isinstance(found, dict) else {"train": found}


def _loaded(datasets: Any, location: str, config: str | None) -> Any:
    """Without code of the data set; of CSV with only empty fields missing, and each field in its column."""
    found = datasets.load_dataset(location, config, trust_remote_code=False)
    splits = list(found.values()) if isinstance(found, dict) else [found]
    if all(split.info.builder_name != "csv" for split in splits):
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of rows that are longer than the headings
        return datasets.load_dataset(location, config, keep_default_na=False, na_values=[""], index_col=False)


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
    """Without progress bars of the package, and without the hub's word on each of its attempts."""
    from huggingface_hub import logging

    shown, level = datasets.is_progress_bar_enabled(), logging.get_verbosity()
    datasets.disable_progress_bars()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            datasets.enable_progress_bars()


def _split(location: str, splits: Any, name: str) -> Any:
    if name not in splits:
        raise UsageError(
            f"huggingface: data set {location!r} has no split {name!r}; -o data.train_split= and "
            f"data.test_split= name two of {', '.join(splits)}"
        )
    return splits[name]


def _columns(split: Any, kind: type | tuple[type, ...]) -> list[str]:
    return [name for name, feature in split.features.items() if isinstance(feature, kind)]


def _only_column(split: Any, kind: type) -> str | None:
    columns = _columns(split, kind)
    return columns[0] if len(columns) == 1 else None


def _which(location: str, option: str, problem: str, split: Any) -> str:
    columns = ", ".join(split.column_names[:20])
    return f"huggingface: data set {location!r} {problem}; -o data.{option}= names one of {columns}"


def _labels(location: str, split: Any, target: str) -> pd.Series:
    """The column of classes, with gaps where labels are unknown."""
    import datasets

    column = split.select_columns([target]).to_pandas()[target]
    feature = split.features[target]
    if isinstance(feature, datasets.ClassLabel):
        return column.mask(column < 0)
    is_list = _entry(feature) is not None
    if not (is_list or isinstance(feature, datasets.Value)):
        raise UsageError(_which(location, "target", f"has no classes in column {target!r}", split))
    if (is_list or column.dtype.kind == "f") and (problem := why_no_classes(column.dropna())):
        raise UsageError(_which(location, "target", f"holds in column {target!r} {problem}", split))
    return column


def _only_text(split: Any, target: str) -> str | None:
    """The one column beside the classes, if it holds texts: such data are no table."""
    import datasets

    others = [column for column in split.column_names if column != target]
    feature = split.features[others[0]] if len(others) == 1 else None
    is_text = isinstance(feature, datasets.Value) and feature.dtype in ("string", "large_string")
    return others[0] if is_text else None


def _texts(location: str, train: Any, test: Any, text: str, target: str, options: Options) -> Dataset:
    import datasets

    feature = train.features[target]
    is_named = isinstance(feature, datasets.ClassLabel) and feature.names
    parts: list[tuple[Any, Any]] = []
    for part in (train, *([] if test is None else [test])):
        labels = _labels(location, part, target).tolist()
        if is_named:
            labels = [None if label != label else feature.names[int(label)] for label in labels]
        parts.append((part[text][:], labels))
    texts, targets = parts[0]
    return dataset_from_texts(
        Path(location).name,
        texts,
        targets,
        classes=feature.names if is_named else None,
        test=None if test is None else parts[1],
        length=options.length,
        bad_texts=options.bad_texts,
        column=text,
        target=target,
    )


def _entry(feature: Any) -> Any:
    """What the lists of a column hold; None where it holds no lists."""
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def _table(location: str, train: Any, test: Any, target: str, options: Options) -> Dataset:
    return dataset_from_frame(
        Path(location).name,
        _frame(location, train, target),
        target,
        target_option="-o data.target=",
        test=None if test is None else _frame(location, test, target),
        **options.reading,
    )


def _frame(location: str, split: Any, target: str) -> pd.DataFrame:
    import datasets

    labels = _labels(location, split, target)
    flat = _columns(split, (datasets.Value, datasets.ClassLabel))
    if nested := [column for column in split.column_names if column not in flat]:
        raise UsageError(
            f"huggingface: data set {location!r}: {', '.join(nested[:5])} hold neither numbers nor texts; "
            "save a copy without them by datasets' remove_columns and save_to_disk"
        )
    return split.to_pandas().assign(**{target: labels})


def _images(location: str, train: Any, test: Any, image: str, target: str, options: Options) -> Dataset:
    import pandas as pd

    classes = sorted(_labels(location, train, target).dropna().unique())
    reader = ImageReader(options)
    parts: list[Any] = []
    for part in (train, test):
        if part is None:
            parts += [None, None]
            continue
        labels = _labels(location, part, target)
        unknown = sorted(set(labels.dropna()) - set(classes))
        if unknown:
            raise UsageError(
                f"huggingface: the test part of {location!r} has classes that the training part lacks: "
                f"{', '.join(map(str, unknown[:5]))}"
            )
        files = _files(location, part, image)
        parts += reader.read(
            f"huggingface: {location}",
            [file["bytes"] or Path(file["path"] or "") for file in files],
            [file["path"] or f"row {row}" for row, file in enumerate(files)],
            pd.Categorical(labels, categories=classes).codes.tolist(),
        )
    x, y, test_x, test_y = parts
    dataset = Dataset(
        Path(location).name, x, y, len(classes), test_x, test_y, fit=Normalize.of, notes=reader.notes
    )
    return dataset if test is None else dataset.prepared()


def _files(location: str, split: Any, image: str) -> list[dict[str, Any]]:
    """Content or path of each image; neither where there is none."""
    import datasets

    try:
        column = split.cast_column(image, datasets.Image(decode=False))[image]
    except (TypeError, ValueError, NotImplementedError) as error:  # what Arrow's casts raise
        raise UsageError(_which(location, "image", f"has no images in column {image!r}", split)) from error
    return [file or {"bytes": None, "path": None} for file in column]
