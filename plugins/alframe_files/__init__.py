"""One's own data from a file: ``npz:PATH``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alframe import DataRequest, DatasetInfo, PluginInfo, hookimpl

if TYPE_CHECKING:
    from alframe import Dataset


def load_npz(request: DataRequest) -> Dataset:
    """Arrays ``x_train, y_train`` and, if there are any, ``x_test, y_test``."""
    from alframe_files._npz import load

    return load(request.location)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="one's own data from a file: npz:PATH")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers the file formats."""
    return {
        "npz": DatasetInfo(
            summary="NumPy arrays x_train, y_train, x_test, y_test; without a test part, one is split off",
            load=load_npz,
            location="PATH",
        )
    }
