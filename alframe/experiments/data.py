"""A run's data set and network, as its settings say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from alframe.contract.resources import DataRequest
from alframe.data.dataset import UNKNOWN, Dataset
from alframe.data.image_files import ImageFiles
from alframe.errors import UsageError
from alframe.experiments.settings import Settings
from alframe.learning.loading import build_network, loaded
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device


def load_data(settings: Settings) -> Dataset:
    """Loads the run's data set onto the run's device.

    Raises:
        UsageError: the data are missing or unusable; the message says what to do.
        TrialError: a file can't be read, or there is no memory.
        PluginError: the plugin that offers the data set is broken.
    """
    request = DataRequest(
        location=settings.location,
        data_dir=Path(settings.source.dir),
        download=settings.source.download,
        options=settings.data_options,
    )
    dataset = loaded(settings.dataset, request)
    if (dataset.targets == UNKNOWN).any():
        raise UsageError(
            f"data set {dataset.name!r} has samples without a label: a simulated run needs them all"
        )
    near = dataset.near(resolve_device(settings.run.device))
    return dataclasses.replace(near)  # an object of this run, whose content is looked at once


class LoadedData:
    """The data set of the trial at hand. Another one's is let go first: two need not fit into memory.

    Attributes:
        notes: what the readers of all data sets that were loaded remarked, once each.
        details: what they made of each part of the sources, likewise.
        own_bytes: by `Settings.data_key`, what each trial holds of the data for itself.
        pays_together: of which settings it pays to train several trials' networks at once.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._dataset: Dataset | None = None
        self.notes: list[str] = []
        self.details: list[str] = []
        self.own_bytes: dict[tuple[Any, ...], int] = {}
        self.pays_together: dict[Settings, bool] = {}

    def of(self, settings: Settings) -> Dataset:
        """The setting's data set, loaded where it is not the one at hand.

        Raises:
            UsageError: as `load_data`.
        """
        if self._dataset is None or self._key != settings.data_key:
            self._dataset = None
            self._dataset = load_data(settings)
            self._key = settings.data_key
            self.own_bytes[self._key] = _own_bytes(self._dataset, settings)
            self._tell(self._dataset)
        return self._dataset

    def _tell(self, dataset: Dataset) -> None:
        for told, lines in ((self.notes, dataset.notes), (self.details, dataset.details)):
            told += [line for line in lines if line not in told]


def _own_bytes(dataset: Dataset, settings: Settings) -> int:
    """What a trial holds for itself of data that it splits, or that are standardised by its training part."""
    stays = dataset.test_inputs is not None and settings.data_options.imbalance is None
    parts = [part for part in (dataset.inputs, dataset.test_inputs) if part is not None]
    parts = [part for part in parts if not isinstance(part, ImageFiles)]
    if stays and (dataset.fit is None or dataset.inputs.dtype == torch.uint8):
        return 0
    return sum(part.numel() * min(part.itemsize, torch.float32.itemsize) for part in parts)


def network_of(settings: Settings, dataset: Dataset, seed: int) -> Classifier:
    """The setting's network for a data set, with the initial weights of a trial's seed.

    Raises:
        UsageError: it does not suit the data.
        PluginError: the plugin that offers it is broken.
    """
    return build_network(
        settings.model,
        settings.model_location,
        settings.model_options,
        dataset,
        seed,
        download=settings.source.download,
    )
