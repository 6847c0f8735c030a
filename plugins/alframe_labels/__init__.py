"""What people labelled with `alframe label`, as a data set: ``labels:SESSION``."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from alframe import DataOptions, DataRequest, DatasetInfo, PluginInfo, hookimpl, option

if TYPE_CHECKING:
    from alframe import Dataset


@dataclasses.dataclass(frozen=True)
class LabelsOptions(DataOptions):
    """Options of a labelled session."""

    size: int | None = option(
        None, "height and width that images are scaled and cut to; none: 64, or 32 for very many", least=1
    )


def load(request: DataRequest) -> Dataset:
    """The samples with a label; those of the audit are the test part."""
    from alframe import dataset_from_session

    return dataset_from_session(Path(request.location), size=request.options.size)


def network_of(location: str) -> str | None:
    """Texts are features, for which a linear head is enough."""
    try:
        settings = tomllib.loads((Path(location) / "session.toml").read_text("utf-8"))
    except (OSError, ValueError):  # `load` says what is wrong
        return None
    return "linear" if settings.get("kind") == "texts" else None


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="what people labelled with `alframe label`: labels:SESSION", api=3)


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers sessions as data sets."""
    return {
        "labels": DatasetInfo(
            summary="the labelled samples of a session's folder; those of its audit are the test part",
            load=load,
            location="SESSION",
            options=LabelsOptions,
            network=network_of,
        )
    }
