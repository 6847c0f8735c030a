"""The digits that ship with scikit-learn: a data set that needs no download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Dataset


def load_digits(request: DataRequest) -> Dataset:
    """1,797 handwritten digits of 1 x 8 x 8, scaled to 0..1; no test part of their own."""
    import torch
    from sklearn import datasets

    from alframe import Dataset

    bunch = datasets.load_digits()
    return Dataset(
        name="digits",
        inputs=torch.as_tensor(bunch.images, dtype=torch.float32)[:, None] / 16,
        targets=torch.as_tensor(bunch.target, dtype=torch.int64),
        num_classes=10,
    )


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="data sets that ship with scikit-learn: digits")


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
