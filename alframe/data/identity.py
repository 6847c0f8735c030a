"""What identifies the content of a data set, whatever it is called and wherever it lies."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.data.dataset import Dataset, Normalize
from alframe.data.image_files import ImageFiles
from alframe.ops.digest import digest_of

PROBED = 64  # samples that show what a transform does
DIGITS = 3  # of what it makes of them: another processor differs in the last ones of float32

_known: weakref.WeakKeyDictionary[Dataset, Mapping[str, str]] = weakref.WeakKeyDictionary()


def identity(dataset: Dataset) -> Mapping[str, str]:
    """What identifies a data set: of each of its parts a text, computed once for each `Dataset` object.

    Tensors are told by all their bytes, the numbers of `Normalize` by six digits, and another ``transform``
    or ``fit`` by its name and by what it makes of the first samples.

    Args:
        dataset: as it was loaded, before anything is split off.

    Example:
        >>> import dataclasses, torch
        >>> toy = Dataset("toy", torch.zeros(3, 2), torch.tensor([0, 1, 1]), num_classes=2)
        >>> other = dataclasses.replace(toy, name="other", targets=torch.tensor([1, 0, 1]))
        >>> [part for part, text in identity(toy).items() if identity(other)[part] != text]
        ['training labels']
    """
    if dataset not in _known:
        _known[dataset] = _identity(dataset)
    return _known[dataset]


def _identity(dataset: Dataset) -> dict[str, str]:
    tensors = {
        "training inputs": dataset.inputs,
        "training labels": dataset.targets,
        "test inputs": dataset.test_inputs,
        "test labels": dataset.test_targets,
    }
    parts = {name: _digest(tensor) for name, tensor in tensors.items() if tensor is not None}
    parts["number of classes"] = str(dataset.num_classes)
    if dataset.transform is not None:
        parts["transform"] = transform_of(dataset)
    if dataset.fit is not None:
        parts["preparation"] = _told(dataset.fit, dataset.inputs, dataset.fit)
    return parts


def transform_of(dataset: Dataset) -> str:
    """What identifies a data set's ``transform``; "" where it has none."""
    if dataset.transform is None:
        return ""
    return _told(dataset.transform, dataset.inputs, lambda rows: dataset.transform)


def _digest(tensor: Tensor) -> str:
    known = tensor.digest if isinstance(tensor, ImageFiles) else ""
    return known or digest_of([tensor])


def _told(function: Any, inputs: Tensor, transform_of: Callable[[Tensor], Any]) -> str:
    if isinstance(function, Normalize):
        numbers = " ".join(f"{value:.6g}" for value in (*function.mean, *function.std))
        return f"Normalize {numbers}"
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{name} {_probed(inputs[:PROBED].detach().cpu(), transform_of)}"


def _probed(rows: Tensor, transform_of: Callable[[Tensor], Any]) -> str:
    """The shape and two numbers of what is made of some rows; "unknown" where nothing is."""
    try:
        with warnings.catch_warnings(), seeds.global_stream(0, "identity"), torch.no_grad():
            warnings.simplefilter("ignore")  # of few samples; of all of them they come when it counts
            made = transform_of(rows)(rows.clone()).detach().cpu()
        values = made.double().nan_to_num(0, 0, 0).flatten()
        norm = float(values.norm())
        weights = torch.arange(len(values), dtype=torch.float64).cos()
        turned = round(float(values @ weights) / norm, DIGITS) + 0.0 if norm else 0.0  # -0.0 is 0.0
        return f"{made.dtype} {list(made.shape)} {norm:.{DIGITS}g} {turned:.{DIGITS}f}"
    except Exception:  # a device of its own, or too few samples to learn from: the name tells it
        return "unknown"
