"""What a trial is made of, and whether what is in its folder was made of the same."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from alframe.data.dataset import Dataset
from alframe.data.identity import identity
from alframe.errors import AlframeError, TrialError
from alframe.experiments.data import network_of
from alframe.experiments.places import has_other_data
from alframe.experiments.trials import Trial
from alframe.learning.loading import split
from alframe.networks.identity import differ_by_rounding, identify
from alframe.records.checkpoint import Checkpoint
from alframe.records.origin import Origin
from alframe.registry.process import kept_settings

ANEW = "--force starts it anew"
BY_ROUNDING = (
    "differ in their last digits from those that this trial began with, as those of another processor or "
    "torch do"
)

# The initial weights of a seed are those of all strategies: they are drawn once for each loaded data set.
_networks: weakref.WeakKeyDictionary[Dataset, dict[str, dict[str, str]]] = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True)
class Change:
    """Why what is in a trial's folder is not the trial's.

    Attributes:
        what: in two words, for a table.
        message: for people, with what to do.
    """

    what: str
    message: str


class Materials:
    """A trial's data set, and what the trial is made of.

    Args:
        trial: the trial.
        loaded: its data set as it was loaded, on the device; None where it can't be.

    Attributes:
        notes: what `change` found that is no other trial for it.
    """

    def __init__(self, trial: Trial, loaded: Dataset | None) -> None:
        self._trial = trial
        self._loaded = loaded
        self.notes: list[str] = []

    @property
    def known(self) -> bool:
        """Whether there is a data set."""
        return self._loaded is not None

    @functools.cached_property
    def dataset(self) -> Dataset:
        """With a test part, and the long tail that was asked for."""
        assert self._loaded is not None
        return split(self._loaded, self._trial.settings.data_options, self._trial.seed)

    @functools.cached_property
    def origin(self) -> Origin:
        """What the trial is made of.

        Raises:
            UsageError: a network can't be built, or the file of fixed features is not there.
            PluginError: the plugin that offers it is broken.
        """
        return dataclasses.replace(self.without_network, network=self._network(), features=self._features())

    @functools.cached_property
    def without_network(self) -> Origin:
        """The same but for the initial weights and fixed features."""
        assert self._loaded is not None
        with kept_settings():  # a transform may lead the process elsewhere
            return Origin(self._names, identity(self._loaded))

    @functools.cached_property
    def _names(self) -> dict[str, str]:
        trial, settings = self._trial, self._trial.settings
        return {
            "dataset": settings.dataset_folder,
            "setting": settings.setting_folder,
            "kind": settings.kind,
            "strategy": trial.folder.parent.name,
            "seed": str(trial.seed),
        }

    def _network(self) -> dict[str, str]:
        assert self._loaded is not None
        settings, seed = self._trial.settings, self._trial.seed
        known = _networks.setdefault(self._loaded, {})
        options = (settings.model.key, settings.model_location, settings.model_options, settings.data_options)
        key = repr((*options, settings.source.download, seed))
        if key not in known:
            with kept_settings():
                known[key] = identify(network_of(settings, self.dataset, seed))
        return known[key]

    def _features(self) -> dict[str, str]:
        assert self._loaded is not None
        features = self._trial.settings.features
        return features.identity(self._loaded, self.dataset) if features else {}

    def fixed(
        self, device: torch.device, folder: Path | None, progress: Callable[[int, int], None]
    ) -> Tensor | None:
        """Fixed features of the training samples, ``M x D``; None where none are named.

        Args:
            device: where the trial runs.
            folder: where those of a network are kept for other trials, or None.
            progress: told ``(samples done, samples)``.

        Raises:
            UsageError: they can't be computed or read.
            PluginError: the plugin that offers the network is broken.
        """
        assert self._loaded is not None
        settings = self._trial.settings
        if settings.features is None:
            return None
        split_by = settings.data_options, self._trial.seed
        return settings.features.of(self._loaded, self.dataset, split_by, device, folder, progress)

    def change(self, saved: Checkpoint) -> Change | None:
        """What is not the same as when a checkpoint was written; None where all that can be known is.

        Args:
            saved: from the trial's folder.

        Raises:
            UsageError: the trial is to go on, and its network or fixed features can't be had.
            PluginError: likewise.
        """
        before, where = saved.origin, self._trial.folder
        if before is not None and not before.is_trial_of(Origin(self._names, {})):
            other = "" if before.trial["kind"] == self._names["kind"] else f" of {before.trial['setting']}"
            return Change(
                "another trial", f"{where}: this is {before.name}{other}, copied or renamed; {ANEW}"
            )
        if self._loaded is None:
            return None
        since = "have changed since this trial began"
        if before is None:
            if saved.fingerprint != fingerprint(self.dataset):
                return Change("other data", f"{where}: the data {since}; {ANEW}")
            return None
        if parts := before.changed_data(self.without_network):
            return Change("other data", f"{where}: the data {since} ({', '.join(parts)}); {ANEW}")
        if self._has_other(saved, "network", "initial"):
            if not differ_by_rounding(before.network, self.origin.network):
                return Change("other weights", f"{where}: the initial weights {since}; {ANEW}")
            self.notes.append(f"{where}: the initial weights {BY_ROUNDING}; {ANEW}")
        if self._has_other(saved, "features", "content"):
            of_network = "sketch" in before.features
            if not (of_network and differ_by_rounding(before.features, self.origin.features)):
                return Change("other features", f"{where}: the fixed features {since}; {ANEW}")
            self.notes.append(f"{where}: the weights of the fixed features {BY_ROUNDING}; {ANEW}")
        return None

    def require_company(self) -> None:
        """Raises `TrialError` where a trial that begins would be put beside those of other data.

        Their files have the same name, and the same size or folders, and lie elsewhere.
        """
        settings = self._trial.settings
        if settings.location and has_other_data(
            settings.folder, self.without_network.content, settings.location
        ):
            raise TrialError(
                f"{settings.folder}: its trials are of other data than {settings.source.name}; choose "
                "another folder with --out, or give the data another name; --force runs all of them anew"
            )

    def _has_other(self, saved: Checkpoint, part: str, key: str) -> bool:
        """Whether the trial began with other weights or fixed features, be it by their last digits."""
        assert saved.origin is not None
        before = getattr(saved.origin, part).get(key)
        try:
            return before is not None and before != getattr(self.origin, part)[key]
        except AlframeError:
            if saved.finished:  # it needs none
                return False
            raise


def fingerprint(dataset: Dataset) -> str:
    """What an earlier alframe told data sets apart by: checkpoints of format 2 hold it."""
    parts = [
        list(dataset.inputs.shape),
        f"{dataset.inputs.sum(dtype=torch.float64):.6g}",
        int(dataset.targets.sum()),
    ]
    return repr(parts)
