"""What is learned from a table's training rows alone, and makes network inputs of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.errors import UsageError

FARTHEST = 1e30  # in units of the training part's range: float32 holds it, standardised


class Preparation:
    """Fitted on training rows, standardises numbers, makes columns of 0 and 1 of categories, and fills gaps.

    Rows are float64, for what tells them apart may be the last of many digits; what it makes is float32.

    Args:
        name: of the data set, for messages.
        headings: of the columns.
        sizes: for each column the number of categories, 0 where it holds numbers.
    """

    def __init__(self, name: str, headings: list[str], sizes: list[int]) -> None:
        self._name = name
        self._headings = headings
        self._sizes = sizes

    def __call__(self, inputs: Tensor) -> Callable[[Tensor], Tensor]:
        """Learns from ``n x columns`` training rows; NaN stands for a gap."""
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
        middle, exponent = _frame(inputs.cpu().double().numpy()[:, numeric])

        def framed(rows: Tensor) -> np.ndarray[Any, Any]:
            values = rows.cpu().double().numpy().copy()
            with np.errstate(over="ignore"):
                values[:, numeric] = np.ldexp(values[:, numeric] - middle, -exponent)
            self._require_near(values, rows)
            return values

        table.fit(framed(inputs))

        def transform(rows: Tensor) -> Tensor:
            return torch.from_numpy(table.transform(framed(rows))).to(rows.device, torch.float32)

        return transform

    def _require_near(self, values: np.ndarray[Any, Any], rows: Tensor) -> None:
        if (far := np.abs(values) > FARTHEST).any():
            row, column = np.argwhere(far)[0]
            raise UsageError(
                f"data set {self._name!r}: column {self._headings[column]!r} holds "
                f"{rows[row, column].item():g}, too far from the values to train on to be standardised; "
                "correct it or remove the row"
            )


def _frame(numbers: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of each column the middle of its range, and the exponent of a power of two that covers half of it.

    Less the middle and divided by the power, numbers lie in -1..1 and have lost nothing: sums can't overflow,
    and the variance of numbers with a large offset is no rounding error.
    """
    low, high = (reduce(numbers, axis=0, initial=np.nan) for reduce in (np.fmin.reduce, np.fmax.reduce))
    middle = np.nan_to_num(low / 2 + high / 2)
    return middle, np.frexp(np.nan_to_num(high - middle))[1]
