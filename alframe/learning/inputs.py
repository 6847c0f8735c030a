"""Arrays, labels and numbers as their owners have them, made tensors; or one line that says what they lack.

Arrays of any library count by position: the index of a pandas Series or DataFrame is never looked at.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.errors import UsageError, one_line
from alframe.learning.rows import without_distances
from alframe.networks.probabilities import ONE_LABEL
from alframe.ops.blocks import row_blocks
from alframe.ops.machine import machine_memory

SHARE = 4  # of this machine's memory, what a sparse matrix may take once its zeros are written out
FARTHEST = 1 << 62  # what lies beyond it is brought to it: no position and no class number is as large


def whole_number(value: Any, name: str, least: int | None = None) -> int:
    """A whole number of any kind: an integer, a float such as 5.0, a NumPy number or a tensor of one.

    Args:
        value: what the user gave.
        name: what it is, for messages.
        least: the least that is allowed.

    Raises:
        UsageError: it is none, or too small.
    """
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    try:
        if isinstance(number, bool):
            raise TypeError
        whole = operator.index(number)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, got {_shown(value)}") from None
    if least is not None and whole < least:
        raise UsageError(f"{name} must be at least {least}, got {_shown(whole)}")
    return whole


def matrix(values: Any, name: str, device: torch.device) -> tuple[Tensor, float]:
    """A finite matrix.

    Args:
        values: ``n x d`` numbers: an array or tensor, a DataFrame, a sparse matrix, lists.
        name: what they are, for messages.
        device: where they are wanted.

    Returns:
        ``n x d`` float32 tensor, and its largest magnitude.

    Raises:
        UsageError: they are no matrix of finite numbers.
    """
    given = _written_out(values, name) if _is_sparse(values) else as_tensor(values, name)
    if given.ndim != 2:
        raise UsageError(f"{name} must be a matrix, one row a sample, got shape {list(given.shape)}")
    made = as_float32(given, device)
    return made, largest(made, name)


def _is_sparse(values: Any) -> bool:
    return hasattr(values, "tocsr") and hasattr(values, "nnz") and values.dtype.kind in "biuf"


def _written_out(values: Any, name: str) -> Tensor:
    """A sparse matrix of scipy in float32, block by block: never all of it in another precision, too."""
    _require_memory(values.shape, name)
    rows = values.tocsr()
    made = torch.empty(values.shape, dtype=torch.float32)
    for block in row_blocks(len(made), made.shape[1], made.device):
        made[block] = torch.from_numpy(np.asarray(rows[block].toarray()))
    return made


def fixed_rows(values: Any, samples: int, device: torch.device, name: str = "fixed features") -> Tensor:
    """Features of all samples that somebody has.

    Args:
        values: as `matrix` takes them; a float32 tensor on the device is not copied.
        samples: how many samples the data set has.
        device: where they are wanted.
        name: what they are, for messages.

    Returns:
        ``samples x d`` float32 tensor.

    Raises:
        UsageError: they are no matrix of finite numbers, or have another number of rows.
    """
    made, most = matrix(values, name, device)
    if len(made) != samples or not made.shape[1]:
        raise UsageError(
            f"{name} have shape {list(made.shape)}, and the data set has {samples} training samples: "
            "expected one row a sample, in the order of the data set"
        )
    if too_large := without_distances(most, made.shape[1]):
        raise UsageError(f"{name}: {too_large}")
    same = isinstance(values, Tensor) and values.data_ptr() == made.data_ptr() and not values.requires_grad
    return values if same else made  # the object itself: who shares it knows it by that


def as_float32(values: Tensor, device: torch.device) -> Tensor:
    """The numbers in float32 on the device, row by row in memory, and fit for gradients."""
    made = values.to(device, torch.float32).contiguous()
    return made.clone() if made.is_inference() else made


def largest(values: Tensor, name: str) -> float:
    """The largest magnitude, 0 where there are no numbers; one pass over them.

    Raises:
        UsageError: some are NaN, or infinite in float32.
    """
    if not values.numel():
        return 0.0
    low, high = (float(end) for end in values.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return max(-low, high)
    wrong = (~torch.isfinite(values)).nonzero()
    where = f"{len(wrong)} of {values.numel()} numbers, the first at {wrong[0].tolist()}"
    if values.ndim == 2:
        rows, columns = (len(part.unique()) for part in wrong.unbind(dim=1))
        row, column = wrong[0].tolist()
        where = (
            f"{rows} of {len(values)} rows and {columns} of {values.shape[1]} columns, "
            f"the first in row {row}, column {column}"
        )
    raise UsageError(f"{name} contain NaN or infinite values in float32: {where}")


def class_numbers(values: Any, name: str) -> Tensor:
    """Class numbers, one a sample.

    Args:
        values: whole numbers of any type, or booleans; a Series counts in its order.
        name: what they are, for messages.

    Returns:
        ``n`` int64 numbers on the CPU.

    Raises:
        UsageError: texts, fractions, missing values, or a matrix.
    """
    given = as_tensor(values, name).cpu()
    if given.numel() != max(given.shape, default=1):
        raise UsageError(
            f"{name} must be one class number a sample, got shape {list(given.shape)}: {ONE_LABEL}; "
            "argmax(axis=1) makes them of one-hot rows and of probabilities"
        )
    if given.is_floating_point() and (missing := int(given.isnan().sum())):
        raise UsageError(
            f"{missing} of {given.numel()} {name} are missing (NaN or None): leave those samples out, here "
            "and where the samples are named"
        )
    return _whole(given.reshape(-1), f"{name} must be class numbers, 0, 1, 2, ...", f": {ONE_LABEL}")


def positions(values: Any, name: str, size: int) -> Tensor:
    """Positions of samples.

    Args:
        values: whole numbers of any type, or a boolean for each sample.
        name: what they are, for messages.
        size: how many samples there are.

    Returns:
        ``n`` int64 numbers on the CPU; of booleans those that are true, ascending.

    Raises:
        UsageError: no such positions.
    """
    given = as_tensor(values, name).cpu()
    if given.dtype == torch.bool and given.ndim == 1:
        if len(given) != size:
            raise UsageError(f"{name} as booleans must be one for each of {size} samples, got {len(given)}")
        return given.nonzero().squeeze(1)
    whole = _whole(given.reshape(-1), f"{name} must be positions, whole numbers in 0..{size - 1}")
    if len(whole) and (whole.min() < 0 or whole.max() >= size):
        wrong = whole[(whole < 0) | (whole >= size)]
        raise UsageError(f"{name} must lie in 0..{size - 1}, got {int(wrong[0])}")
    return whole


def count_of(samples: Any, name: str) -> int:
    """How many samples there are, whatever they are: rows of an array or a table, or a list's items.

    Raises:
        UsageError: they are nothing that has a length.
    """
    shape = getattr(samples, "shape", None)
    if shape is not None and len(shape):
        return int(shape[0])
    if isinstance(samples, str | bytes | Mapping) or not isinstance(samples, Sized):
        raise UsageError(f"{name} must be samples one after another, got {type(samples).__name__}")
    return len(samples)


def rows_of(samples: Any, rows: Tensor | slice) -> Any:
    """Some of the samples in their order, as the same kind of object.

    Args:
        samples: a table, an array, a tensor, a sparse matrix, or a list.
        rows: int64 positions on the CPU, or a slice.
    """
    where = rows.numpy() if isinstance(rows, Tensor) else rows
    if hasattr(samples, "iloc"):
        return samples.iloc[where]
    if isinstance(samples, Tensor):
        return samples[rows.to(samples.device) if isinstance(rows, Tensor) else rows]
    if hasattr(samples, "tocsr"):
        return samples.tocsr()[where]
    if hasattr(samples, "shape") or isinstance(rows, slice):
        return samples[where]
    return [samples[row] for row in rows.tolist()]


def _whole(given: Tensor, wanted: str, why: str = "") -> Tensor:
    if given.dtype == torch.bool or not given.is_floating_point():
        return given.to(torch.int64)
    rounded = given.double().round()
    fractions = (rounded != given.double()).nonzero()
    if len(fractions):
        at = int(fractions[0])
        raise UsageError(
            f"{wanted}; some are no whole numbers, the first is {float(given[at]):g} at {at}{why}"
        )
    if len(given) and float(given.double().abs().max()) > 2 / torch.finfo(given.dtype).eps:
        kind = str(given.dtype).removeprefix("torch.")
        raise UsageError(f"{wanted}; {float(given.abs().max()):g} is too large to be exact in {kind}")
    return rounded.clamp(-FARTHEST, FARTHEST).to(torch.int64)


def as_tensor(values: Any, name: str) -> Tensor:
    """Numbers of any kind as a dense tensor without gradient, where they are and of their own type.

    Args:
        values: an array, a tensor, lists of numbers or of tensors, a DataFrame, a Series, a sparse matrix.
        name: what they are, for messages.

    Raises:
        UsageError: they are no numbers.
    """
    if isinstance(values, Tensor):
        return _of_tensor(values.detach(), name)
    made: Tensor | None = None
    try:
        if isinstance(values, list | tuple) and values and isinstance(values[0], Tensor):
            made = torch.stack([torch.as_tensor(value).detach() for value in values])
        elif hasattr(values, "__cuda_array_interface__"):
            made = torch.as_tensor(values).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name} must be numbers of one shape: {one_line(error)}") from error
    if made is not None:
        return _of_tensor(made, name)
    return _of_array(_array(values, name))


def _of_tensor(values: Tensor, name: str) -> Tensor:
    if values.is_meta:
        raise UsageError(f"{name} have no numbers: they are on the device 'meta'")
    if values.is_nested:
        raise UsageError(f"{name} must be numbers of one shape, got a nested tensor")
    if values.is_complex():
        raise _not_numbers(name, f"complex numbers of shape {list(values.shape)}")
    if values.layout != torch.strided:
        _require_memory(values.shape, name)
        return values.to_dense()
    return values.dequantize() if values.is_quantized else values


def _array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """A dense array of real numbers or booleans."""
    if values is None or isinstance(values, Mapping | set | frozenset):
        raise _not_numbers(name, type(values).__name__)
    if isinstance(values, np.ma.MaskedArray):
        if masked := int(np.ma.getmaskarray(values).sum()):
            raise UsageError(f"{name} have {masked} masked values: fill them, or leave those samples out")
        values = values.data
    if hasattr(values, "toarray") and hasattr(values, "nnz"):  # scipy's sparse matrices and arrays
        _require_memory(values.shape, name)
        values = values.toarray()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name} must be numbers of one shape: {one_line(error)}") from error
    if array.dtype == object:
        array = _of_objects(array, values, name)
    if array.dtype.kind not in "biuf":
        example = f" texts such as {_shown(array.item(0))}" if array.size and array.dtype.kind in "US" else ""
        raise _not_numbers(name, f"{array.dtype}{example}")
    return array


def _of_objects(array: np.ndarray[Any, Any], values: Any, name: str) -> np.ndarray[Any, Any]:
    """The numbers of an array of Python objects; what is missing becomes NaN."""
    if array.ndim == 0:
        raise _not_numbers(name, type(values).__name__)
    columns = getattr(values, "columns", None)
    numbers = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        value = array[place]
        if value is None or (isinstance(value, str) and not value.strip()) or _is_na(value):
            numbers[place] = np.nan
            continue
        try:
            if isinstance(value, str | bytes):
                raise TypeError
            numbers[place] = float(value)
        except (TypeError, ValueError, OverflowError):
            column = "" if columns is None else f" in column {str(columns[place[1]])!r}"
            raise _not_numbers(name, f"{type(value).__name__}{column}: {_shown(value)}") from None
    return numbers


def _is_na(value: Any) -> bool:
    return type(value).__name__ == "NAType"  # pandas.NA, which compares with nothing


def _of_array(array: np.ndarray[Any, Any]) -> Tensor:
    kind = np.dtype(f"={array.dtype.kind}{min(array.dtype.itemsize, 8)}")  # torch has no long double
    fits = array.dtype.num == kind.num and array.dtype.isnative and array.flags.aligned
    if not (fits and array.flags.writeable and all(step >= 0 for step in array.strides)):
        array = np.array(array, dtype=kind, order="C").view(kind)  # C has two names for long
    return torch.from_numpy(array)


def _require_memory(shape: Any, name: str) -> None:
    """Refuses what takes more than a quarter of this machine's memory once its zeros are written out."""
    needed = int(np.prod([int(side) for side in shape], dtype=object)) * torch.float32.itemsize
    if needed > machine_memory() / SHARE:
        raise UsageError(
            f"{name} are sparse and would take {needed / 2**30:,.0f} GB written out, more than a quarter of "
            "this machine's memory: reduce their columns first, as scikit-learn's TruncatedSVD does"
        )


def _not_numbers(name: str, what: str) -> UsageError:
    return UsageError(f"{name} must be an array or tensor of numbers, got {what}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
