"""What a hook is told beside the data, and where it may keep things."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

from alframe.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

    from alframe.contract.views import LabelledView, PoolView
    from alframe.networks.classifier import Classifier


def _no_progress(done: int, total: int) -> None:
    """Nobody is watching."""


class Asking(Protocol):
    """What answers `Context.ask`."""

    def __call__(
        self,
        strategy: str,
        pool: PoolView,
        labelled: LabelledView,
        n: int,
        options: Mapping[str, Any] | None,
        pending: PoolView | Sequence[PoolView] | None,
    ) -> Tensor:
        """Positions in the pool."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Context:
    """The surroundings of one hook call.

    Attributes:
        round: number of the query, from 1; in training the number of queries so far, from 0.
        step: how many queries of this round came before this one: one round may have several, each with the
            labels of those before it, and the network is the same in all of them.
        left: how many samples are still to be asked for in this round, those of this query among them; 0 in
            training.
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
        round_cache: the same for what follows from the network as it is, empty at a round's first query:
            predictions, say, by `View.positions`, for the pool shrinks between the queries.
        logged: numbers for the round's record, see `log`.
        progress: call ``progress(done, total)`` in long work; the display shows it.
        asking: what `ask` calls; the engine's.
    """

    round: int
    num_classes: int
    device: torch.device
    generator: torch.Generator
    model: Classifier | None = None
    state: dict[str, Any] = dataclasses.field(default_factory=dict)
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)
    round_cache: dict[str, Any] = dataclasses.field(default_factory=dict)
    logged: dict[str, float] = dataclasses.field(default_factory=dict)
    progress: Callable[[int, int], None] = _no_progress
    step: int = 0
    left: int = 0
    asking: Asking | None = None

    def ask(
        self,
        strategy: str,
        pool: PoolView,
        labelled: LabelledView,
        n: int,
        options: Mapping[str, Any] | None = None,
        pending: PoolView | Sequence[PoolView] | None = None,
    ) -> Tensor:
        """Has another strategy choose of some samples, as the engine would have it choose.

        Each call has random numbers of its own, by its place in the order of calls. What the other keeps in
        ``ctx.state`` is kept apart for who asks it; caches it has only where the pool is the whole one.

        Args:
            strategy: its name, best one that an option in `PluginInfo.asks` has.
            pool: samples to choose from: the hook's own ``pool``, or a part of it, as ``pool[positions]``.
            labelled: the labelled set as it shall see it: the hook's own, or a part of it.
            n: how many, at least 1; all where there are fewer.
            options: its options; None: what the user gave for it.
            pending: samples that it shall keep away from: the hook's own ``pending``, what was chosen before
                of the pool, as ``pool[chosen]``, or several such views.

        Returns:
            Distinct positions in ``pool``, best first: ``min(n, len(pool))`` int64 numbers on the device.

        Raises:
            UsageError: the strategy does not suit the network.
            PluginError: an unknown strategy, or one that broke its contract, or this is no query.
        """
        if self.asking is None:
            raise PluginError("ctx.ask is for who answers a query: nobody can be asked in training")
        return self.asking(strategy, pool, labelled, n, options, pending)

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
