"""What plugins offer by name, and what they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alframe.contract.options import CheckedOptions, NoOptions, option

if TYPE_CHECKING:
    import torch

    from alframe.data.dataset import Dataset
    from alframe.networks.classifier import Classifier


@dataclasses.dataclass(frozen=True)
class DataOptions(CheckedOptions):
    """Options that every data set has; a data set with more of its own inherits from this."""

    test_fraction: float = option(
        0.2,
        "share of the samples held out for testing, where the data set has no test part of its own",
        above=0,
        below=1,
    )

    imbalance: float | None = option(
        None,
        "training samples of the last class for one of the first, in between geometrically; none: all",
        above=0,
        most=1,
    )


@dataclasses.dataclass(frozen=True)
class ImageDataOptions(DataOptions):
    """Options of data sets of image files, for `alframe.ImageReader`; one with more inherits from this."""

    size: int | None = option(
        None, "height and width that images are scaled and cut to; none: as they are", least=1
    )
    bad_images: Literal["error", "skip"] = option("error", "what to do with images that can't be decoded")
    exif: bool = option(True, "turn photographs as their EXIF mark says; false: as stored", added=True)
    background: Literal["white", "black", "ignore"] = option(
        "white",
        "what is seen through transparent parts; ignore: the colours that are stored there",
        added=True,
    )
    grey_range: tuple[float, ...] = option(
        (),
        "black and white of grey images of more than 8 bits, as 0,4095; empty: by their values",
        added=True,
    )


@dataclasses.dataclass(frozen=True)
class TableOptions(DataOptions):
    """Options of a table; a data set that is one inherits from this and hands `reading` on.

    Example:
        >>> options = TableOptions(target="kind", missing=("?",))
        >>> options.reading["missing"]
        ('?',)
    """

    target: str | None = option(None, "column that holds the classes")
    missing: tuple[str, ...] = option(
        (), "texts that stand for a missing value, as NA,?; empty fields always do", added=True
    )
    drop: tuple[str, ...] = option((), "columns that are left out", added=True)
    categories: tuple[str, ...] = option((), "columns whose numbers or dates are categories", added=True)
    decimal: Literal["point", "comma"] | None = option(
        None, "what parts whole from fraction in text; none: what suits", added=True
    )
    dates: Literal["day-first", "month-first"] | None = option(
        None, "how 1/2/2020 is meant; none: what suits, months first where both do", added=True
    )

    @property
    def reading(self) -> dict[str, Any]:
        """What `dataset_from_frame` takes of them, by keyword."""
        names = ("missing", "drop", "categories", "decimal", "dates")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True)
class DataRequest:
    """What a data set plugin is asked for.

    Args:
        location: what follows the colon in ``npz:PATH``, else "".
        data_dir: folder that holds data sets.
        download: whether fetching what is missing is allowed.
        options: the data set's own options object.
    """

    location: str
    data_dir: Path
    download: bool
    options: Any


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """A data set that a plugin offers through ``alframe_datasets``.

    Args:
        summary: one line for listings.
        load: function that makes the `alframe.Dataset`; it imports what it needs when called.
        reference: the paper or the source.
        location: what must follow a colon, as "PATH" in ``npz:PATH``; "" when nothing does.
        options: a frozen dataclass that inherits from `DataOptions`.
        files: paths of its files in the folder of data sets, which listings look for; a packed copy,
            ``PATH.gz``, counts as well.
        classes: number of classes, where it is known without the data.
        network: function that names the network that suits what is at a location, for who names none; None
            where it can't tell. It only looks, and leaves it to ``load`` to say what is wrong.
    """

    summary: str
    load: Callable[[DataRequest], Dataset]
    reference: str = ""
    location: str = ""
    files: tuple[str, ...] = ()
    options: type = DataOptions
    classes: int | None = None
    network: Callable[[str], str | None] | None = None


@dataclasses.dataclass(frozen=True)
class ImageModelOptions(CheckedOptions):
    """Options of networks for images that can start from given weights; one with more inherits from this."""

    embedding_size: int | None = option(
        None, "features, by a linear layer in between; none: as many as the network has", least=1
    )
    dropout: float = option(
        0.0, "share of the features dropped before the head in training", least=0, below=1
    )
    weights: str | None = option(
        None, "file of initial weights, of torch or safetensors, under the library's names"
    )
    pretrained: bool = option(False, "start from the library's published weights; --download may fetch them")
    image_size: int | None = option(
        None, "height and width that images are resized to; none: as they are", least=1
    )
    fine_tune_layers: int | None = option(
        None, "layers that train beside the head, from the last; 0: the head alone, none: all", least=0
    )

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, and weights from two sources."""
        super().__post_init__()
        if self.pretrained and self.weights is not None:
            raise ValueError("pretrained and weights both give the initial weights; leave one of them out")


@dataclasses.dataclass(frozen=True)
class ModelRequest:
    """What a network plugin is asked for.

    Args:
        input_shape: shape of one sample, as ``(1, 28, 28)``.
        num_classes: rows of the head.
        options: the network's own options object.
        download: whether fetching what is missing is allowed.
        location: what follows the colon in ``timm:NAME``, else "".
    """

    input_shape: torch.Size
    num_classes: int
    options: Any
    download: bool = False
    location: str = ""


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """A network that a plugin offers through ``alframe_models``.

    Args:
        summary: one line for listings.
        build: function that makes an `alframe.Classifier`; torch's generator is seeded around the call.
        reference: the paper.
        options: a frozen dataclass of options.
        location: what must follow a colon, as "NAME" in ``timm:NAME``; "" when nothing does.
        trainer: the plugin that trains it, whatever the strategy, where supervised training can't: an
            estimator, as scikit-learn's, has ``"estimator"``; "" where any trainer of networks does.
        options_at: gives the options of what is at a location, where each has its own; it may import what it
            needs. None: ``options``.
        takes: the samples it is made for: ``"numbers"``, images and rows of a table among them, or
            ``"texts"``, whose bytes `alframe.texts_of` reads. Others are refused before it is built.
    """

    summary: str
    build: Callable[[ModelRequest], Classifier]
    reference: str = ""
    options: type = NoOptions
    location: str = ""
    trainer: str = ""
    options_at: Callable[[str], type] | None = None
    takes: Literal["numbers", "texts"] = "numbers"

    def options_for(self, location: str) -> type:
        """The options of what is at a location.

        Args:
            location: what follows the colon, else "".

        Raises:
            UsageError: there is no such thing, or the library that has it is not installed.
        """
        return self.options if self.options_at is None else self.options_at(location)


@dataclasses.dataclass(frozen=True)
class PresetInfo:
    """A complete setting that a plugin offers through ``alframe_presets``.

    Args:
        summary: one line for listings.
        settings: what a configuration file would say, as nested dictionaries.
        reference: where the values come from, and which of them are ours.
    """

    summary: str
    settings: Mapping[str, Any]
    reference: str = ""
