"""Tables as data sets: columns of numbers and of categories, with gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from alframe.data.dataset import UNKNOWN, Dataset
from alframe.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000  # distinct texts of one column


def dataset_from_frame(name: str, frame: pd.DataFrame, target: str, *, target_option: str = "") -> Dataset:
    """Makes a data set of a table.

    When the test part is split off, numeric columns are standardised and their gaps filled with the mean,
    categorical columns become one column a category, and their gaps the most frequent one: all by the
    training part alone. Columns without any value are left out.

    Args:
        name: of the data set.
        frame: one row a sample.
        target: the column that holds the classes, numbered in ascending order; a gap is an unknown label.
        target_option: how the user names that column, as ``-o data.target=``, for messages; "" where there is
            no way.

    Raises:
        UsageError: no such column, a target that holds no classes, or a column of too many texts.
    """
    if target not in frame.columns:
        shown = ", ".join(map(str, frame.columns[:20]))
        hint = f"{target_option} names one of" if target_option else "it has"
        raise UsageError(f"data set {name!r} has no column {target!r}; {hint} {shown}")
    targets, num_classes = _classes(name, frame[target])
    columns = frame.drop(columns=target).dropna(axis="columns", how="all")
    if columns.shape[1] == 0:
        raise UsageError(f"data set {name!r} has no column beside the target {target!r}")
    parts, sizes = [], []
    for heading in columns.columns:
        values, size = _column(name, columns[heading])
        parts.append(values)
        sizes.append(size)
    inputs = torch.from_numpy(np.stack(parts, axis=1).astype(np.float32))
    return Dataset(name, inputs, targets, num_classes, fit=_Preparation(sizes))


def _classes(name: str, column: pd.Series) -> tuple[Tensor, int]:
    values = column.dropna()
    if values.dtype.kind == "f" and not np.array_equal(values, np.floor(values)):
        raise UsageError(
            f"data set {name!r}: the target {column.name!r} holds numbers with fractions, classes are needed"
        )
    classes, codes = np.unique(
        values.astype(str) if values.dtype.kind not in "fiub" else values, return_inverse=True
    )
    targets = np.full(len(column), UNKNOWN)
    targets[column.notna().to_numpy()] = codes
    return torch.from_numpy(targets), len(classes)


def _column(name: str, column: pd.Series) -> tuple[np.ndarray[Any, Any], int]:
    """Numbers, with NaN for gaps, and the number of categories: 0 where they are no codes."""
    if column.dtype.kind in "fiub":
        return column.to_numpy(np.float64, na_value=np.nan), 0
    categories = column.astype("category").cat
    size = len(categories.categories)
    if size > MOST_CATEGORIES:
        raise UsageError(
            f"data set {name!r}: column {column.name!r} holds {size:,} different texts, at most "
            f"{MOST_CATEGORIES:,} are taken as categories; remove the column"
        )
    codes = categories.codes.to_numpy(np.float64)
    return np.where(codes < 0, np.nan, codes), size


class _Preparation:
    """Fitted on training rows, it maps rows to what a network takes.

    Args:
        sizes: for each column the number of categories, 0 where it holds numbers.
    """

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes

    def __call__(self, inputs: Tensor) -> Callable[[Tensor], Tensor]:
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numeric = [i for i, size in enumerate(self._sizes) if size == 0]
        categorical = [i for i, size in enumerate(self._sizes) if size > 0]
        known = [np.arange(float(self._sizes[i])) for i in categorical]
        table = ColumnTransformer(
            [
                (
                    "numbers",
                    make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()),
                    numeric,
                ),
                (
                    "categories",
                    make_pipeline(
                        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
                        OneHotEncoder(categories=known, sparse_output=False, dtype=np.float32),
                    ),
                    categorical,
                ),
            ]
        )
        table.fit(inputs.cpu().double().numpy())

        def transform(rows: Tensor) -> Tensor:
            return torch.from_numpy(table.transform(rows.cpu().double().numpy())).to(
                rows.device, torch.float32
            )

        return transform
