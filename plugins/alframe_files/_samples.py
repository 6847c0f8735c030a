"""Arrays of numbers as samples: which axis holds channels, and how they are scaled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from alframe import Normalize, UsageError

Array = np.ndarray[Any, Any]

LARGE = 100  # numbers from here on are worth a word: networks train badly on them
FEW_STEPS = 1e3 * 2**-23  # a spread below this share of the mean has under a thousand steps in 32 bits
HUGE = 1e100  # its square may be beyond 64 bits
OPAQUE = 255


@dataclasses.dataclass(frozen=True)
class Samples:
    """Inputs as `alframe.Dataset` takes them.

    Args:
        inputs: of the training part.
        test_inputs: of the test part, or None.
        fit: what is to be learned of the training part, or None.
        notes: what was guessed, a line each.
    """

    inputs: Tensor
    test_inputs: Tensor | None
    fit: Callable[[Tensor], Callable[[Tensor], Tensor]] | None
    notes: tuple[str, ...]


def read_samples(
    where: str,
    x_train: Array,
    x_test: Array | None,
    channels: Literal["guess", "first", "last"],
    scale: Literal["guess", "keep", "standardise"],
) -> Samples:
    """Makes inputs of arrays.

    Images of bytes stay bytes, to be normalised by the statistics of the training part. All other numbers are
    taken as they are, or standardised: where the user says so, and where 32 bits would lose their
    differences.

    Args:
        where: what messages call the file.
        x_train: ``n x ...`` real numbers.
        x_test: likewise, or None.
        channels: the axis of images that holds channels.
        scale: whether numbers that are no images of bytes are standardised.

    Raises:
        UsageError: what are no samples of real numbers, NaN, or two parts of different kinds.
    """
    parts = [("x_train", x_train)] + ([] if x_test is None else [("x_test", x_test)])
    for name, x in parts:
        _check(x, f"{where}: {name}")
    is_image = [x.dtype == np.uint8 and x.ndim in (3, 4) for _, x in parts]
    if len(set(is_image)) > 1:
        raise UsageError(
            f"{where}: x_train and x_test must both hold images of bytes or none of them, got "
            f"{' and '.join(str(x.dtype) for _, x in parts)}"
        )
    notes: list[str] = []
    if x_train.ndim == 4:
        is_last, note = channels_last(x_train.shape[1:], channels)
        notes += [note] if note else []
        parts = [(name, np.moveaxis(x, 3, 1) if is_last and x.ndim == 4 else x) for name, x in parts]
    parts = [(name, x[:, None] if x.ndim == 3 else x) for name, x in parts]
    arrays = [x for _, x in parts]
    if is_image[0]:
        arrays = _without_alpha(arrays, notes)
        inputs = [torch.from_numpy(np.ascontiguousarray(x)) for x in arrays]
        return Samples(inputs[0], inputs[1] if x_test is not None else None, Normalize.of, tuple(notes))
    is_scaled = scale == "standardise" or (scale == "guess" and _loses_differences(arrays[0], notes))
    low, high = _span(arrays[0])
    if scale == "guess" and not is_scaled and max(-low, high) > LARGE:
        notes.append(
            f"x_train holds numbers from {low:g} to {high:g}, which are taken as they are; "
            "-o data.scale=standardise gives each column or channel mean 0 and standard deviation 1"
        )
    dtype = np.float64 if is_scaled else _kept_type(arrays)
    with np.errstate(over="ignore"):  # Dataset tells of what became infinite
        inputs = [torch.from_numpy(np.ascontiguousarray(x, dtype=dtype)) for x in arrays]
    fit = standardise if is_scaled else None
    return Samples(inputs[0], inputs[1] if x_test is not None else None, fit, tuple(notes))


def channels_last(shape: tuple[int, ...], channels: Literal["guess", "first", "last"]) -> tuple[bool, str]:
    """Whether the last of three axes holds channels, and a note where that was a guess.

    One axis of 1 or 3 is that of channels; else the one beside a square; else the last if it is the shorter.

    Example:
        >>> channels_last((32, 32, 3), "guess"), channels_last((3, 8, 3), "guess")[0]
        ((True, ''), False)
    """
    if channels != "guess":
        return channels == "last", ""
    first, middle, last = shape
    usual = (first in (1, 3), last in (1, 3))
    if usual[0] != usual[1]:
        return usual[1], ""
    if first == middle != last:
        is_last = True
    elif middle == last != first:
        return False, ""
    else:
        is_last = not usual[0] and last < first
    order = "height x width x channels" if is_last else "channels x height x width"
    other = "first" if is_last else "last"
    return is_last, (
        f"x_train is read as images of {order}, {first} x {middle} x {last}; -o data.channels={other} says "
        "otherwise"
    )


def standardise(inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """Gives each column or channel of these ``n x c x ...`` inputs mean 0 and standard deviation 1."""
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    wide = inputs.double()
    shift = wide[:1].mean(axes, keepdim=True)  # a mean of what is near 0 keeps more digits
    largest = wide.abs().amax(axes, keepdim=True)
    unit = torch.where(largest > HUGE, largest, 1.0)
    wide = (wide - shift) / unit
    mean, std = wide.mean(axes, keepdim=True), wide.std(axes, correction=0, keepdim=True)
    std[std == 0] = 1  # a constant column becomes 0

    def transform(rows: Tensor) -> Tensor:
        near, units, centre, width = (part.to(rows.device) for part in (shift, unit, mean, std))
        return (((rows.double() - near) / units - centre) / width).to(torch.float32)

    return transform


def _kept_type(arrays: list[Array]) -> type:
    """Half precision stays what it is, half as large; all else becomes float32."""
    return np.float16 if all(x.dtype == np.float16 for x in arrays) else np.float32


def _check(x: Array, where: str) -> None:
    if x.dtype.kind not in "biuf":
        raise UsageError(f"{where} must hold real numbers, got {x.dtype}")
    if x.ndim < 2:
        raise UsageError(f"{where} must have one row a sample, got shape {x.shape}")
    if len(x) and not x.size:
        raise UsageError(f"{where} has shape {x.shape}: its samples hold no numbers")
    if x.dtype.kind == "f" and not (is_finite := np.isfinite(x)).all():
        rows = (~is_finite).reshape(len(x), -1).any(axis=1).sum()
        raise UsageError(
            f"{where}: {rows:,} of {len(x):,} samples contain NaN or infinite values, "
            f"{x.size - is_finite.sum():,} in all; impute or remove them first"
        )


def _without_alpha(arrays: list[Array], notes: list[str]) -> list[Array]:
    """Images without a fourth channel that is opaque throughout; another may be infrared, and stays."""
    if any(x.ndim != 4 or x.shape[1] != 4 or (x[:, 3] != OPAQUE).any() for x in arrays):
        return arrays
    notes.append("the fourth channel of x_train is 255 throughout, as of opaque images, and is left out")
    return [x[:, :3] for x in arrays]


def _span(x: Array) -> tuple[float, float]:
    return (float(x.min()), float(x.max())) if x.size else (0, 0)


def _loses_differences(x: Array, notes: list[str]) -> bool:
    """Whether 32-bit numbers hold too little of how samples differ, for all differ little from a mean."""
    if x.dtype.itemsize < 4 or x.dtype == np.float32 or not x.size:
        return False
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    if max(map(abs, _span(x))) <= float(np.finfo(np.float32).max):
        mean, std = np.abs(x.mean(axes, dtype=np.float64)), x.std(axes, dtype=np.float64)
        if not ((std > 0) & (std < FEW_STEPS * mean)).any():
            return False
    notes.append(
        "x_train holds numbers whose differences 32 bits would lose, and is standardised, each column or "
        "channel by itself; -o data.scale=keep takes them as they are"
    )
    return True
