"""Data sets of the Hugging Face hub, and local ones in its formats: ``huggingface:NAME``.

Lhoest et al., "Datasets: A Community Library for Natural Language Processing", EMNLP 2021, arXiv 2109.02846.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from alframe import (
    DataRequest,
    DatasetInfo,
    ImageDataOptions,
    PluginInfo,
    TableOptions,
    hookimpl,
    option,
)

if TYPE_CHECKING:
    from alframe import Dataset


@dataclasses.dataclass(frozen=True)
class Options(ImageDataOptions, TableOptions):
    """Options of Hugging Face data sets."""

    config: str | None = option(None, "the data set's configuration, where it has several")
    train_split: str = option("train", "split that the pool is")
    test_split: str | None = option(None, "split to test on; none: `test` where there is one")
    image: str | None = option(None, "column of images; none: the only one of that type")
    target: str | None = option(None, "column of classes; none: the only one of that type")
    text: str | None = option(
        None, "column of texts; none: the only other column, if it holds texts", added=True
    )
    length: int = option(2000, "most bytes of a text; what is longer is cut", least=1, added=True)
    bad_texts: Literal["error", "skip"] = option(
        "error", "what to do with rows that have no text", added=True
    )


def load_hub(request: DataRequest) -> Dataset:
    """A data set of the hub, or of a local folder."""
    from alframe_huggingface._hub import load

    return load(request.location, request.download, request.options)


@hookimpl
def alframe_info() -> PluginInfo:
    """Describes the plugin."""
    return PluginInfo(summary="data sets of the Hugging Face hub")


@hookimpl
def alframe_datasets() -> dict[str, DatasetInfo]:
    """Offers them."""
    return {
        "huggingface": DatasetInfo(
            summary="images, texts or a table of the Hugging Face hub: its cache, a download, or a folder",
            load=load_hub,
            reference="Lhoest et al., EMNLP 2021, arXiv 2109.02846",
            location="NAME-or-PATH",
            options=Options,
        )
    }
