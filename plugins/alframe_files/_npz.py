"""Arrays in NumPy's ``.npz`` format."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe import Dataset, Normalize, UsageError

Arrays = dict[str, np.ndarray[Any, Any]]


def load(location: str) -> Dataset:
    """Reads a data set.

    Images of bytes become ``channels x height x width``, normalised by the statistics of the training part;
    all other numbers are taken as they are. Classes are the distinct values of ``y_train``, numbered in
    ascending order.

    Args:
        location: path of the file.

    Raises:
        UsageError: the file, an array, a shape or a value can't be used; the message names it.
    """
    path = Path(location)
    arrays = _read(path)
    where = f"data set {path.name!r}"
    for part in ("train", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if x is not None and y is not None and len(x) != len(y):
            raise UsageError(f"{where}: x_{part} has {len(x)} rows but y_{part} has {len(y)}")
    classes = np.unique(arrays["y_train"])
    if len(classes) < 2:
        raise UsageError(f"{where}: y_train has {len(classes)} class; at least 2 are needed")
    has_test = "x_test" in arrays
    inputs = _inputs(arrays["x_train"], f"{where}: x_train")
    test_inputs = _inputs(arrays["x_test"], f"{where}: x_test") if has_test else None
    if test_inputs is not None and test_inputs.dtype != inputs.dtype:
        raise UsageError(
            f"{where}: x_train and x_test must both hold images of bytes or none of them, got "
            f"{arrays['x_train'].dtype} and {arrays['x_test'].dtype}"
        )
    dataset = Dataset(
        name=path.stem,
        inputs=inputs,
        targets=_targets(arrays["y_train"], classes, f"{where}: y_train"),
        num_classes=len(classes),
        test_inputs=test_inputs,
        test_targets=_targets(arrays["y_test"], classes, f"{where}: y_test") if has_test else None,
        fit=Normalize.of if inputs.dtype == torch.uint8 else None,
    )
    return dataset.prepared() if has_test else dataset


def _read(path: Path) -> Arrays:
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        with path.open("rb") as opened:  # np.load leaves a damaged file open
            file = np.load(opened, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise UsageError(f"{path} holds one array; an .npz file with {', '.join(names)} is needed")
            found = list(file)
            arrays = {name: np.atleast_1d(file[name]) for name in names if name in found}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} can't be read as .npz: {error}") from error
    for name in names[:2]:
        if name not in arrays:
            raise UsageError(f"{path} has no array {name!r}; it has {', '.join(sorted(found)) or 'none'}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise UsageError(f"{path} has x_test or y_test but not both")
    return arrays


def _inputs(x: np.ndarray[Any, Any], where: str) -> Tensor:
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool) or np.iscomplexobj(x):
        raise UsageError(f"{where} must hold real numbers, got {x.dtype}")
    if x.ndim < 2:
        raise UsageError(f"{where} must have one row a sample, got shape {x.shape}")
    is_image = x.dtype == np.uint8 and x.ndim in (3, 4)
    inputs = torch.from_numpy(x if is_image else x.astype(np.float32))
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        inputs = inputs.permute(0, 3, 1, 2).contiguous()
    elif x.ndim == 3:
        inputs = inputs[:, None]
    return inputs


def _targets(y: np.ndarray[Any, Any], classes: np.ndarray[Any, Any], where: str) -> Tensor:
    if y.ndim != 1:
        raise UsageError(f"{where} must hold one class a sample, got shape {y.shape}")
    if np.issubdtype(y.dtype, np.floating) and not np.array_equal(y, np.floor(y)):
        raise UsageError(f"{where} must hold classes, got numbers with fractions or NaN")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise UsageError(f"{where} has classes that y_train lacks: {unknown[:5].tolist()}")
    return torch.from_numpy(np.searchsorted(classes, y))
