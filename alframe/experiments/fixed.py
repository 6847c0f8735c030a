"""Fixed features: what the section ``[features]`` names, and the features of a data set by it."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.contract.options import NoOptions, build, identifying
from alframe.contract.resources import DataOptions, ModelInfo
from alframe.contract.sections import FeatureSource
from alframe.data.dataset import Dataset
from alframe.data.samples import Samples
from alframe.errors import DamagedFileError, UsageError, one_line
from alframe.learning.frozen import frozen_features
from alframe.learning.inputs import fixed_rows, largest
from alframe.learning.loading import build_network, split
from alframe.networks.classifier import Classifier
from alframe.networks.devices import on_device
from alframe.networks.identity import identify
from alframe.ops.digest import digest_of
from alframe.registry.offers import MODELS, Offer
from alframe.registry.process import kept_settings
from alframe.registry.registry import Registry

FILE = "npy"  # of `features.name`: an array in a file, not a network
SEED = 0  # of weights that are drawn: the features are the same for all seeds of a setting

# What a file holds, and what identifies a network, is looked at once for each loaded data set.
_rows: weakref.WeakKeyDictionary[Dataset, dict[str, Tensor]] = weakref.WeakKeyDictionary()
_identities: weakref.WeakKeyDictionary[Dataset, dict[str, dict[str, str]]] = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True, eq=False)
class FixedFeatures:
    """What ``features.name`` names.

    Attributes:
        name: as the user gave it, ``resnet18``, ``timm:NAME`` or ``npy:PATH``.
        location: what follows the colon, else "".
        options: the network's options object.
        offer: the plugin's offer of a network; None of a file.
        download: whether published weights may be fetched.
    """

    name: str
    location: str
    options: Any
    offer: Offer[ModelInfo] | None
    download: bool

    @property
    def short_name(self) -> str:
        """For folders: of a file its name without the path."""
        return self.name if self.offer else f"{FILE}-{Path(self.location).stem}"

    @property
    def section(self) -> dict[str, Any]:
        """The section ``[features]``."""
        return {"name": self.name} | dataclasses.asdict(self.options)

    def identifying(self, place: str | None = None) -> list[Any]:
        """What of it makes a setting.

        Args:
            place: what stands for a file's path, which may have been moved; None: the path itself.
        """
        if self.offer is None:
            return [FILE, str(Path(self.location).resolve()) if place is None else place]
        return [self.offer.key, self.location, identifying(self.options)]

    # Of a loaded data set, all labels known; `dataset` is what `split` makes of it for a trial.

    def network(self, dataset: Dataset) -> Classifier:
        """The network, with the initial weights that it keeps.

        Raises:
            UsageError: it does not suit the data.
            PluginError: the plugin that offers it is broken.
        """
        assert self.offer is not None
        return build_network(self.offer, self.location, self.options, dataset, SEED, download=self.download)

    def require_suited(self, loaded: Dataset) -> None:
        """Raises what is wrong with it for a data set, before anything is computed.

        Raises:
            UsageError: the network does not suit the data, or the file is none of them.
            PluginError: the plugin that offers the network is broken.
        """
        if self.offer is None:
            self._rows_of(loaded)
        else:
            self.network(loaded)

    def identity(self, loaded: Dataset, dataset: Dataset) -> dict[str, str]:
        """``content``, a hash of the weights or of the array; of weights also their ``sketch``.

        Raises:
            UsageError: as `require_suited`.
            PluginError: as `require_suited`.
        """
        known = _identities.setdefault(loaded, {})
        key = repr((self.identifying(), self.download))
        if key not in known:
            if self.offer is None:
                known[key] = {"content": digest_of([self._rows_of(loaded)])[:32]}
            else:
                with kept_settings():
                    weights = identify(self.network(dataset))
                known[key] = {"content": weights["initial"], "sketch": weights["sketch"]}
        return known[key]

    def of(
        self,
        loaded: Dataset,
        dataset: Dataset,
        split_by: tuple[DataOptions, int],
        device: torch.device,
        folder: Path | None,
        progress: Callable[[int, int], None],
    ) -> Tensor:
        """The features of a trial's training samples, ``M x D`` on the device; not to be changed.

        Args:
            loaded: the data set as it was loaded.
            dataset: the same with its test part and long tail.
            split_by: by which options and seed.
            device: where the trial runs.
            folder: where `frozen_features` keeps them, or None.
            progress: told ``(samples done, samples)``.

        Raises:
            UsageError: as `require_suited`, or there are features that are not finite.
            PluginError: as `require_suited`.
        """
        if self.offer is None:
            rows = self._rows_of(loaded).to(device)
            return rows if len(dataset) == len(loaded) else rows[kept_rows(loaded, *split_by).to(device)]
        near = dataset.prepared().near(device)
        model = on_device(self.network(dataset), device).eval()
        found = frozen_features(model, Samples(near.inputs, device, near.transform), folder, progress)
        if found.ndim != 2:
            raise UsageError(f"features of {self.name} must be a row a sample, got shape {list(found.shape)}")
        largest(found, f"features of {self.name}")
        return found

    def _rows_of(self, loaded: Dataset) -> Tensor:
        """What the file holds: a row for each training sample of the data set."""
        known = _rows.setdefault(loaded, {})
        if self.location not in known:
            array = _read(self.location)
            known[self.location] = fixed_rows(
                array, len(loaded), torch.device("cpu"), f"features in {self.location}"
            )
        return known[self.location]


def resolve_features(
    registry: Registry, section: Mapping[str, Any], *, download: bool
) -> FixedFeatures | None:
    """What the section ``[features]`` names; None where it names nothing.

    Args:
        registry: where networks are looked up.
        section: the section.
        download: whether published weights may be fetched.

    Raises:
        UsageError: an unknown network or option, or options of none.
        PluginError: a plugin that was asked for is broken.
    """
    own = {key: value for key, value in section.items() if key == "name"}
    others = {key: value for key, value in section.items() if key not in own}
    name = build(FeatureSource, own, "features").name
    found = located(registry, name)
    if found is None:
        if others:
            raise UsageError(
                f"options of 'features' are given ({', '.join(others)}) and no network: name one, as in "
                "-o features.name=resnet18; `alframe list-models` lists them"
            )
        return None
    offer, location = found
    options = build(offer.value.options_for(location) if offer else NoOptions, others, "features")
    return FixedFeatures(name, location, options, offer, download)


def located(registry: Registry, name: Any) -> tuple[Offer[ModelInfo] | None, str] | None:
    """The network that ``features.name`` asks for, and what follows the colon; of a file None and its path.

    Returns:
        None where nothing is named.

    Raises:
        UsageError: an unknown network, or no path.
        PluginError: a plugin that was asked for is broken.
    """
    if not isinstance(name, str) or name.lower() == "none":
        return None
    short, _, location = name.partition(":")
    if short != FILE:
        return registry.offers.located(MODELS, name)
    if not location:
        raise UsageError(f"features.name={name} needs PATH after a colon: {FILE}:PATH")
    return None, location


def kept_rows(loaded: Dataset, options: DataOptions, seed: int) -> Tensor:
    """Which samples of a loaded data set are the training part of a trial, in its order.

    Args:
        loaded: all samples.
        options: the data set's options.
        seed: the trial's.
    """
    numbers = torch.arange(len(loaded), dtype=torch.float64)[:, None]
    test = None if loaded.test_targets is None else numbers[:1].expand(len(loaded.test_targets), 1)
    numbered = dataclasses.replace(
        loaded, inputs=numbers.to(loaded.inputs.device), test_inputs=test, fit=None, transform=None
    )
    return split(numbered, options, seed).inputs[:, 0].long()


def _read(location: str) -> np.ndarray[Any, Any]:
    """The array in a file of `numpy.save`; nothing in it is run."""
    path = Path(location)
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise UsageError(f"features in {location} can't be read: it is no regular file")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise UsageError(f"features in {location} can't be read: {error.strerror or error}") from error
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        raise DamagedFileError(
            f"features in {location} can't be read: {one_line(error)}; np.save writes such a file"
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise UsageError(f"features in {location}: it holds several arrays; np.save writes a file of one")
    return array
