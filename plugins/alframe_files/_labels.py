"""Classes of numbers or texts, and what marks those that are unknown."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from alframe import UsageError, why_no_classes

Array = np.ndarray[Any, Any]

UNKNOWN = -1


@dataclasses.dataclass(frozen=True)
class Labels:
    """Class numbers.

    Args:
        targets: of the training part; -1 where unknown.
        test_targets: of the test part, or None.
        num_classes: number of classes.
        notes: what was guessed, a line each.
    """

    targets: Tensor
    test_targets: Tensor | None
    num_classes: int
    notes: tuple[str, ...]


def read_labels(
    where: str, y_train: Array, y_test: Array | None, minus_one: Literal["guess", "unknown", "class"]
) -> Labels:
    """Numbers the distinct values of ``y_train`` in ascending order.

    Columns of one class a row, and one-hot rows, are taken too. -1 marks an unknown label where at least two
    other values are there and none is negative: a set of -1 and 1 are two classes.

    Args:
        where: what messages call the file.
        y_train: ``n`` numbers or texts, ``n x 1``, or ``n x C`` one-hot rows.
        y_test: likewise, or None.
        minus_one: what -1 means.

    Raises:
        UsageError: what are no classes, fewer than two, or a class that only the test part has.
    """
    notes: list[str] = []
    train = _one_a_sample(y_train, f"{where}: y_train", notes)
    test = None if y_test is None else _one_a_sample(y_test, f"{where}: y_test", notes)
    classes = np.unique(train)
    if train.dtype.kind in "if" and UNKNOWN in classes:
        classes = _without_unknown(where, classes, minus_one, notes)
    if len(classes) < 2:
        raise UsageError(f"{where}: y_train has {len(classes)} class; at least 2 are needed")
    if problem := why_no_classes(train):
        raise UsageError(f"{where}: y_train holds {problem}")
    unknown = UNKNOWN if UNKNOWN not in classes else None
    targets = _numbered(train, classes, f"{where}: y_train", unknown)
    test_targets = None
    if test is not None:
        if unknown is not None and UNKNOWN in np.unique(train) and (test == unknown).any():
            raise UsageError(
                f"{where}: y_test holds -1, which marks unknown labels in y_train: a test part needs them all"
            )
        test_targets = _numbered(test, classes, f"{where}: y_test", None)
    return Labels(targets, test_targets, len(classes), tuple(notes))


def _one_a_sample(y: Array, where: str, notes: list[str]) -> Array:
    if y.dtype.kind not in "biufSU":
        raise UsageError(f"{where} must hold classes as numbers or texts, got {y.dtype}")
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biuf":
        if not (np.isin(y, (0, 1)).all() and (y.astype(bool).sum(axis=1) == 1).all()):
            raise UsageError(f"{where} of shape {y.shape} holds {why_no_classes(y)}")
        notes.append(f"{where.rpartition(' ')[2]} is one-hot: the class is the column that holds 1")
        y = y.argmax(axis=1)
    if y.size != len(y):
        raise UsageError(f"{where} of shape {y.shape} holds {why_no_classes(y)}")
    y = y.reshape(-1)  # Keras saves n x 1
    if problem := why_no_classes(y, is_whole=False):
        raise UsageError(f"{where} holds {problem}")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise UsageError(f"{where} holds NaN or infinite values, classes are needed; -1 marks unknown labels")
    return np.char.decode(y, "utf-8", "replace") if y.dtype.kind == "S" else y


def _without_unknown(
    where: str, classes: Array, minus_one: Literal["guess", "unknown", "class"], notes: list[str]
) -> Array:
    others = classes[classes != UNKNOWN]
    if minus_one == "unknown" or (minus_one == "guess" and len(others) > 1 and others.min() >= 0):
        if minus_one == "guess":
            notes.append("-1 in y_train marks unknown labels; -o data.minus_one=class takes it as a class")
        return others
    if minus_one == "guess":
        shown = ", ".join(f"{value:g}" for value in others[:5])
        notes.append(f"-1 in y_train is a class, as {shown}; -o data.minus_one=unknown says otherwise")
    return classes


def _numbered(y: Array, classes: Array, where: str, unknown: int | None) -> Tensor:
    is_known = np.ones(len(y), bool) if unknown is None or y.dtype.kind not in "if" else y != unknown
    lacking = np.setdiff1d(y[is_known], classes)
    if len(lacking):
        raise UsageError(f"{where} has classes that y_train lacks: {lacking[:5].tolist()}")
    return torch.from_numpy(np.where(is_known, np.searchsorted(classes, y), UNKNOWN).astype(np.int64))
