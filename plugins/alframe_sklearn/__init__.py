"""scikit-learn: its classifiers as models, and its digits, a data set that needs no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, ModelInfo, ModelRequest, PluginInfo, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from alframe import Classifier, Dataset

FILE = "datasets/data/digits.csv.gz"  # in scikit-learn's folder


def load_digits(request: DataRequest) -> Dataset:
    """1,797 handwritten digits of 1 x 8 x 8, scaled to 0..1; no test part of their own."""
    import torch

    from alframe import Dataset

    rows = torch.as_tensor(_digits())
    return Dataset(
        name="digits",
        inputs=rows[:, :64].reshape(-1, 1, 8, 8) / 16,
        targets=rows[:, 64].long(),
        num_classes=10,
    )


def _digits() -> np.ndarray:
    """``1,797 x 65`` numbers, the class last: scikit-learn's file, or what it makes of it.

    The file is read without importing scikit-learn, which takes a second: it imports SciPy and pandas.
    """
    import numpy as np

    found = importlib.util.find_spec("sklearn")
    file = Path(found.origin).parent / FILE if found and found.origin else Path(FILE)
    if file.is_file():
        return np.loadtxt(file, delimiter=",", dtype=np.float32)
    from sklearn import datasets

    bunch = datasets.load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.float32)


def options_at(location: str) -> type:
    """The options of a classifier, which are its parameters."""
    from alframe_sklearn import _estimators

    return _estimators.options_at(location)


def build_estimator(request: ModelRequest) -> Classifier:
    """A classifier on the columns of the samples."""
    from alframe_sklearn import _estimators

    return _estimators.build(request)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="scikit-learn's classifiers as models; its data set digits", api=3)


@hookimpl
def alframe_models() -> dict[str, ModelInfo]:
    """Offers the classifiers."""
    return {
        "sklearn": ModelInfo(
            summary="a classifier of scikit-learn, as sklearn:HistGradientBoosting; no network",
            build=build_estimator,
            reference="Pedregosa et al., JMLR 2011",
            location="NAME",
            options_at=options_at,
            trainer="estimator",
        )
    }


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the digits."""
    return {
        "digits": DatasetInfo(
            summary="1,797 handwritten digits of 8 x 8; ships with scikit-learn",
            load=load_digits,
            reference="Alpaydin & Kaynak, UCI 1998",
            classes=10,
        )
    }
