"""Class probabilities that another's model or file gives: asked for, checked, and as logits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.errors import UsageError, one_line
from alframe.ops.blocks import by_blocks

ONE_LABEL = "active learning here is for classification with one label a sample"
OFF = 1e-3  # how far a row may be from adding up to 1, and a number outside 0..1
LEAST = torch.finfo(torch.float32).tiny  # a probability of 0 has this one's logarithm: all logits are finite


def ask(estimator: Any, samples: Any, rows: int, classes: int | None = None, first: int = 0) -> Tensor:
    """What a fitted estimator's ``predict_proba`` says of samples, checked.

    Args:
        estimator: any object that has the method.
        samples: what it takes; handed on as it is.
        rows: how many samples there are.
        classes: how many classes the estimator knows, if that is known.
        first: number of the first sample, for messages.

    Returns:
        ``rows x C`` tensor on the CPU, float32 or float64 as the estimator has it; rows add up to 1.

    Raises:
        UsageError: the estimator raised, or what it gave are no probabilities.
    """
    kind = type(estimator).__name__
    try:
        with warnings.catch_warnings():
            # of samples without column names, which the caller has given so and knows
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            given = estimator.predict_proba(samples)
    except (Exception, SystemExit) as error:
        if type(error).__name__ == "NotFittedError":
            raise UsageError(f"{kind} is not fitted: call its fit first") from error
        line = one_line(error)
        hint = "; a network of torch wants float32, X.astype(numpy.float32)" if "same dtype" in line else ""
        raise UsageError(
            f"{kind}.predict_proba can't take these samples: {type(error).__name__}: {line}{hint}"
        ) from error
    if isinstance(given, list) and given and getattr(given[0], "ndim", 0) == 2:
        raise UsageError(
            f"{kind}.predict_proba gives {len(given)} arrays, as models of several labels a sample do: "
            f"{ONE_LABEL}"
        )
    return checked(given, f"{kind}.predict_proba", rows, classes, first)


def checked(
    values: Any, name: str, rows: int | None = None, classes: int | None = None, first: int = 0
) -> Tensor:
    """Class probabilities, checked and made to add up to 1.

    Args:
        values: ``n x C`` array or tensor of any precision.
        name: where they are from, for messages.
        rows: ``n``, where it is known.
        classes: ``C``, where it is known.
        first: number of the first row, for messages.

    Returns:
        ``n x C`` tensor, where the values are; float64 where they are, else float32.

    Raises:
        UsageError: another shape, NaN, numbers outside 0..1, or rows that don't add up to 1.
    """
    probs = numbers(values, name, rows, classes)
    if not len(probs):
        return probs
    low, high = (float(end) for end in probs.aminmax())
    sums = probs.sum(dim=1, dtype=torch.float64)
    off = float((sums - 1).abs().max())
    if not (low >= -OFF and high <= 1 + OFF and off <= OFF):  # NaN is neither
        raise UsageError(_why_wrong(probs, sums, name, first))
    if off > torch.finfo(probs.dtype).eps * probs.shape[1] or low < 0:
        return probs.clamp(min=0) / sums[:, None].to(probs.dtype)
    return probs


def numbers(values: Any, name: str, rows: int | None = None, classes: int | None = None) -> Tensor:
    """An ``n x C`` matrix of real numbers of at least two classes, its values not looked at.

    Args:
        values: as `checked` takes them.
        name: as there.
        rows: as there.
        classes: as there.

    Returns:
        Tensor of float64 where the values are, else of float32.

    Raises:
        UsageError: they are none.
    """
    made = values.detach() if isinstance(values, Tensor) else _of_array(values, name)
    require_shape(made.shape, name)
    if rows is not None and len(made) != rows:
        raise UsageError(f"{name}: there are {rows:,} samples, and probabilities of {len(made):,}")
    if classes is not None and made.shape[1] != classes:
        raise UsageError(f"{name}: there are {classes} classes, and {made.shape[1]} columns of probabilities")
    return made if made.dtype == torch.float64 else made.float()


def require_shape(shape: Sequence[int], name: str) -> None:
    """Raises `UsageError` unless a shape is ``n x C``, of two classes or more.

    Args:
        shape: what was given.
        name: where it is from, for messages.
    """
    if len(shape) == 2 and shape[1] > 1:
        return
    both = ": of two classes give both columns, numpy.column_stack([1 - p, p])"
    hint = both if len(shape) == 1 or tuple(shape[1:]) == (1,) else ""
    raise UsageError(
        f"{name}: wanted a row of class probabilities for each sample, N x C, got shape {list(shape)}{hint}"
    )


def logits_of(probs: Tensor) -> Tensor:
    """Logarithms of probabilities, which are logits of them; those of 0 are finite, too.

    Args:
        probs: ``n x C`` of them, of any precision.

    Returns:
        ``n x C`` float32 tensor. What is near 1 in float64 keeps its distance from 1.
    """
    return by_blocks(lambda block: block.clamp(min=LEAST).log().float(), probs)


def _of_array(values: Any, name: str) -> Tensor:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an array of {array.dtype}")
        kind = np.float64 if array.dtype.itemsize > 4 or array.dtype.kind != "f" else np.float32
        if array.dtype != kind or not array.flags.writeable or any(step < 0 for step in array.strides):
            array = array.astype(kind)
        return torch.from_numpy(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name}: wanted an array of probabilities, got {one_line(error)}") from error


def _why_wrong(probs: Tensor, sums: Tensor, name: str, first: int) -> str:
    inside = (probs >= -OFF) & (probs <= 1 + OFF)
    at = int((~(inside.all(dim=1) & ((sums - 1).abs() <= OFF))).nonzero()[0])
    row = f"{name}: row {first + at}"
    low, high, total = float(probs[at].min()), float(probs[at].max()), float(probs[at].double().sum())
    if not math.isfinite(total):
        return f"{row} has NaN or infinite values"
    if low >= 0 and abs(total - 100) < 1:
        return f"{row} adds up to {total:g}: these are percent, divide them by 100"
    if low < -OFF or high > 1 + OFF:
        outside = low if low < -OFF else high
        return (
            f"{row} has {outside:g}, and probabilities lie in 0..1: are they logits or scores? Those go in "
            "as logits="
        )
    return (
        f"{row} adds up to {total:g}, and probabilities of the classes of one sample add up to 1: those of "
        "several labels a sample don't, and are not for active learning here"
    )
