"""What a trial was made of: whose it is, of which data and which initial weights. Never imports torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from alframe.records.reading import Unusable, read_table

ENVIRONMENT = "environment.json"
Texts = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a trial was made of. One that goes on, or is read back, must be of the same.

    Attributes:
        trial: names of the folders ``dataset``, ``setting``, ``strategy`` and ``seed``, and ``kind``, a hash
            of all that makes the setting but the place of the data.
        data: what identifies the data set, by part.
        network: ``initial``, a hash of the initial weights, and ``sketch``, some sums of them; empty where
            nobody knows.
        features: ``content``, a hash of what gives fixed features, and of a network the ``sketch`` of its
            weights; empty where there are none beside the network's.
    """

    trial: Texts
    data: Texts
    network: Texts = dataclasses.field(default_factory=dict)
    features: Texts = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, content: Any) -> Self:
        """What `as_dict` gave.

        Raises:
            ValueError: it did not give this.
        """
        parts = {"trial", "data", "network"}
        if not isinstance(content, dict) or set(content) not in (parts, parts | {"features"}):
            raise ValueError("no origin of a trial")
        origin = cls(**{name: _texts(value) for name, value in content.items()})
        if not {"strategy", "seed", "setting", "kind"} <= set(origin.trial) or not origin.data:
            raise ValueError("no origin of a trial")
        return origin

    def as_dict(self) -> dict[str, dict[str, str]]:
        """The same as plain data."""
        parts = {"trial": dict(self.trial), "data": dict(self.data), "network": dict(self.network)}
        return parts | ({"features": dict(self.features)} if self.features else {})

    @property
    def content(self) -> str:
        """One text for all parts of the data."""
        text = json.dumps(dict(self.data), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """For people: strategy and seed."""
        return f"{self.trial['strategy']} seed {self.trial['seed']}"

    def is_trial_of(self, other: Origin) -> bool:
        """Whether both are one strategy with one seed on one setting, wherever its folder lies."""
        return all(self.trial[name] == other.trial[name] for name in ("strategy", "seed", "kind"))

    def changed_data(self, other: Origin) -> list[str]:
        """The parts of the data that are not the same."""
        names = dict.fromkeys([*self.data, *other.data])
        return [name for name in names if self.data.get(name) != other.data.get(name)]


def facts_of(origin: Origin) -> dict[str, Any]:
    """What ``environment.json`` says of it."""
    return {
        "trial": dict(origin.trial),
        "data": {"content": origin.content},
        "network": {"initial": origin.network["initial"]} if origin.network else {},
        **({"features": {"content": origin.features["content"]}} if origin.features else {}),
    }


@dataclasses.dataclass(frozen=True)
class Recorded:
    """What ``environment.json`` says of a trial's origin.

    Attributes:
        trial: as in `Origin`.
        content: of its data.
        initial: of its initial weights; "" where that is not known.
        features: of what gives its fixed features; "" where there are none.
    """

    trial: Texts
    content: str
    initial: str
    features: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.trial['strategy']} seed {self.trial['seed']}"


def read_recorded(folder: Path) -> Recorded | None:
    """What is recorded of the origin of the trial in a folder.

    Returns:
        None where nothing is: an earlier alframe wrote it, or the file is missing.

    Raises:
        Unusable: the file is damaged or was changed.
    """
    try:
        content = read_table(folder / ENVIRONMENT)
    except FileNotFoundError:
        return None
    if "trial" not in content:
        return None
    try:
        trial = _texts(content["trial"])
        data, network = content["data"], content.get("network", {})
        initial = _texts(network).get("initial", "")
        if not {"strategy", "seed", "setting", "kind"} <= set(trial) or not isinstance(data["content"], str):
            raise ValueError
        features = _texts(content.get("features", {})).get("content", "")
        return Recorded(trial, data["content"], initial, features)
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable("it does not say what the trial was made of") from error


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("not texts by name")
    return value
