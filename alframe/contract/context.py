"""What a hook is told beside the data, and where it may keep things."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from alframe.errors import PluginError

if TYPE_CHECKING:
    from alframe.networks.classifier import Classifier


def _no_progress(done: int, total: int) -> None:
    """Nobody is watching."""


@dataclasses.dataclass(frozen=True, eq=False)
class Context:
    """The surroundings of one hook call.

    Attributes:
        round: number of the query, from 1; in training the number of queries so far, from 0.
        num_classes: number of classes, ``C``.
        device: where the tensors are.
        generator: a CPU generator derived from seed, round, stage and provider; the only source of
            randomness a plugin may use. Draw, then move what was drawn to ``device``.
        model: the network (``.features(x)``, ``.head``) in evaluation mode; None in `alframe.query`
            without a head.
        state: a dictionary of this plugin's own, kept between rounds and in checkpoints: tensors,
            numbers, text, lists and dictionaries of these.
        cache: a dictionary of this plugin's own for what follows from ``view.fixed`` and costs much to make.
            It is kept between queries where ``view.is_fixed``, else it is empty at each; it is in no
            checkpoint and may be lost at any time. What a plugin returns must not depend on what is in it.
        logged: numbers for the round's record, see `log`.
        progress: call ``progress(done, total)`` in long work; the display shows it.
    """

    round: int
    num_classes: int
    device: torch.device
    generator: torch.Generator
    model: Classifier | None = None
    state: dict[str, Any] = dataclasses.field(default_factory=dict)
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)
    logged: dict[str, float] = dataclasses.field(default_factory=dict)
    progress: Callable[[int, int], None] = _no_progress

    def log(self, name: str, value: float) -> None:
        """Writes a number into the round's record, under the plugin's name.

        Args:
            name: what it is.
            value: a number, or a tensor or array of one; NaN where there is none.

        Raises:
            PluginError: the name is no text, or the value no number of that size.
        """
        if not isinstance(name, str):
            raise PluginError(f"ctx.log wants a name, a text, got {type(name).__name__}")
        try:
            self.logged[str(name)] = float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise PluginError(f"ctx.log({name!r}, ...) wants a number, got {type(value).__name__}") from error
