"""What a plugin can't work without: `PluginInfo.needs` names it, and the engine asks before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.networks.classifier import Classifier

DROPOUT_WANTED = "one with a Dropout layer whose rate is above 0, e.g. `-o model.dropout=0.5`"


@dataclasses.dataclass(frozen=True)
class Need:
    """Something that a plugin can't work without.

    Attributes:
        words: what, for people.
        lacking: what a network and a batch of its inputs lack of it; "" when nothing.
    """

    words: str
    lacking: Callable[[Classifier, Tensor], str]


def _dropout(model: Classifier, inputs: Tensor) -> str:
    return "" if model.dropout_layers() else f"a network with dropout: {DROPOUT_WANTED}"


def _network(model: Classifier, inputs: Tensor) -> str:
    if inputs.is_floating_point():
        return ""
    return f"inputs that a gradient can change, and these are {str(inputs.dtype).removeprefix('torch.')}"


NEEDS = {
    "dropout": Need("a network with dropout", _dropout),
    "network": Need("the whole network, and inputs that a gradient can change", _network),
}
