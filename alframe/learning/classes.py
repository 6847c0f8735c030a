"""Class labels as their owners have them, texts or others, and the class numbers that they become."""

from __future__ import annotations

import numbers
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.errors import UsageError
from alframe.learning.inputs import class_numbers
from alframe.networks.probabilities import ONE_LABEL

Classes = tuple[Hashable, ...]


def class_names(given: Any, name: str = "classes") -> Classes | None:
    """Class labels in an order.

    Args:
        given: a sequence of them, an array, an index; or None.
        name: what they are, for messages.

    Raises:
        UsageError: a label is missing, there twice, or no label at all.
    """
    if given is None:
        return None
    if isinstance(given, str | bytes | Mapping | set | frozenset) or not isinstance(given, Iterable):
        raise UsageError(f"{name} must be a list of class labels in an order, got {_shown(given)}")
    labels = _one_by_one(given, name)
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"{name} has {_shown(label)} twice")
    if not labels:
        raise UsageError(f"{name} is empty: give the class labels in an order")
    return tuple(labels)


def are_numbers(names: Classes | None) -> bool:
    """Whether labels are 0, 1, 2, ... in this order, so that nobody needs to be told which is which."""
    return names is not None and all(
        isinstance(label, numbers.Real) and label == place for place, label in enumerate(names)
    )


def class_labels(
    values: Any, name: str, classes: Classes | None, of: str = "classes"
) -> tuple[Tensor, Classes | None]:
    """Class numbers of labels.

    Args:
        values: one label a sample: whole numbers, texts or other labels, in a list, an array, a Series of
            whatever index, or a Categorical; None where there are none.
        name: what they are, for messages.
        classes: the labels in the order of classes, where it is known.
        of: who knows it, for messages.

    Returns:
        ``n`` int64 numbers on the CPU, and the labels in the order of classes: those given, or else those
        found, sorted; None where labels are class numbers already.

    Raises:
        UsageError: a label is missing or unknown, or there are several a sample.
    """
    if values is None:
        return torch.zeros(0, dtype=torch.int64), classes
    bare = _are_bare_numbers(values)
    if bare and (classes is None or are_numbers(classes)):
        return class_numbers(values, name), classes
    labels = _one_by_one(values, name)
    if classes is None:
        classes = _sorted(labels)
    place = {label: number for number, label in enumerate(classes)}
    for at, label in enumerate(labels):
        if label not in place:
            raise UsageError(
                f"{name} has {_shown(label)} at {at}, and {of} has {_some(classes)}: labels are compared as "
                "they are, a number is no text"
            )
    return torch.tensor([place[label] for label in labels], dtype=torch.int64), classes


def _sorted(labels: list[Hashable]) -> Classes:
    try:
        return tuple(sorted(set(labels)))  # type: ignore[type-var]
    except TypeError as error:
        raise UsageError(
            "labels of several types have no order: pass classes=, the labels in the order of classes"
        ) from error


def _are_bare_numbers(values: Any) -> bool:
    """Whether labels are numbers, missing ones among them; what they are is for `class_numbers` to say."""
    if isinstance(values, Tensor):
        return True
    array = _array(values)
    if array.dtype.kind in "biufc":
        return True
    return all(isinstance(one, numbers.Real | Tensor) or _is_missing(one) for one in array.reshape(-1))


def _array(values: Any) -> Any:
    """An array of labels; of Python objects where they are not all of one kind."""
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, Mapping | set | frozenset | str | bytes) or not isinstance(values, Iterable):
        made = np.empty(1, dtype=object)
        made[0] = values
        return made
    if hasattr(values, "dtype") or hasattr(values, "dtypes"):  # of pandas, or another library's array
        return np.asarray(values)
    values = list(values)
    found = {type(value) for value in values}
    if all(issubclass(kind, numbers.Real | np.ndarray | Tensor) for kind in found):
        try:
            return np.asarray([np.asarray(value) for value in values])
        except (ValueError, TypeError, RuntimeError):
            pass
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _one_by_one(values: Any, name: str) -> list[Hashable]:
    array = _array(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    if array.ndim != 1 and array.size != max(array.shape, default=0):
        raise UsageError(
            f"{name} must be one class label a sample, got shape {list(array.shape)}: {ONE_LABEL}; "
            "argmax(axis=1) makes class numbers of one-hot rows"
        )
    labels: list[Hashable] = array.reshape(-1).tolist()
    missing = sum(map(_is_missing, labels))
    if missing:
        raise UsageError(
            f"{missing} of {len(labels)} {name} are missing (NaN or None): leave those samples out, here and "
            "where the samples are named"
        )
    for at, label in enumerate(labels):
        if isinstance(label, list | set | frozenset | dict | np.ndarray):
            raise UsageError(f"{name} has {_shown(label)} at {at}, several labels: {ONE_LABEL}")
        if not isinstance(label, Hashable):
            raise UsageError(f"{name} has {_shown(label)} at {at}, which is no label")
    return labels


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def _some(classes: Sequence[Hashable]) -> str:
    shown = ", ".join(map(_shown, classes[:5]))
    return shown if len(classes) <= 5 else f"{shown} and {len(classes) - 5} more"


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:40]}..."
