"""Arrays in NumPy's ``.npz`` format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alframe import Dataset, UsageError
from alframe_files._arrays import NAMES, read_arrays
from alframe_files._labels import read_labels
from alframe_files._samples import read_samples

if TYPE_CHECKING:
    from alframe_files import NpzOptions


def load(location: str, options: NpzOptions) -> Dataset:
    """Reads a data set.

    Images of bytes become ``channels x height x width``, normalised by the statistics of the training part;
    all other numbers are taken as they are, or standardised. Classes are the distinct values of ``y_train``,
    numbered in ascending order.

    Args:
        location: path of the file.
        options: what the arrays mean where they leave it open.

    Raises:
        UsageError: the file, an array, a shape or a value can't be used; the message names it.
        DamagedFileError: the file's content is not what the format promises.
    """
    path = Path(location)
    arrays, left_out = read_arrays(path)
    where = f"data set {path.name!r}"
    notes = []
    if left_out:
        notes.append(
            f"arrays {', '.join(left_out)} are left out; the names that are read: {', '.join(NAMES)}"
        )
    has_test = "x_test" in arrays
    if has_test and not (len(arrays["x_test"]) or len(arrays["y_test"])):
        has_test = False
        notes.append("x_test and y_test are empty: a test part is split off by data.test_fraction")
        del arrays["x_test"], arrays["y_test"]
    for part in ("train", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if x is not None and y is not None and len(x) != len(y):
            raise UsageError(f"{where}: x_{part} has {len(x)} rows but y_{part} has {len(y)}")
    labels = read_labels(where, arrays["y_train"], arrays.get("y_test"), options.minus_one)
    samples = read_samples(where, arrays["x_train"], arrays.get("x_test"), options.channels, options.scale)
    dataset = Dataset(
        name=path.stem,
        inputs=samples.inputs,
        targets=labels.targets,
        num_classes=labels.num_classes,
        test_inputs=samples.test_inputs,
        test_targets=labels.test_targets,
        fit=samples.fit,
        notes=(*notes, *labels.notes, *samples.notes),
    )
    return dataset.prepared() if has_test else dataset
