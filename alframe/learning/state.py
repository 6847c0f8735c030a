"""What the hooks of one round have in common, and what comes of a query."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.context import Asking, Context
from alframe.networks.classifier import Classifier
from alframe.registry.plugin import Plugin


@dataclasses.dataclass(frozen=True, eq=False)
class RoundState:
    """What the hooks of one round have in common.

    Attributes:
        seed: the trial's seed.
        number: the round, see `Context.round`.
        num_classes: number of classes.
        device: where the tensors are.
        model: the network, or None.
        states: each plugin's dictionary, by plugin name, kept between rounds.
        caches: the same of what may be lost at any time.
        logged: each plugin's numbers for the record, by plugin name.
        progress: told ``(stage, done, total)`` during long work.
        step: how many queries of this round came before, see `Context.step`.
        left: how many samples are still to be asked for, see `Context.left`.
        round_caches: as ``caches``, of what holds as long as the network is the same.
        within: names of the strategies on whose behalf another is asked, the outermost first.
        calls: the places and numbers of those calls; each has random numbers of its own.
    """

    seed: int
    number: int
    num_classes: int
    device: torch.device
    model: Classifier | None
    states: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    caches: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    logged: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None
    step: int = 0
    left: int = 0
    round_caches: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    within: tuple[str, ...] = ()
    calls: tuple[str | int, ...] = ()

    def context(self, stage: str, plugin: Plugin, asking: Asking | None = None) -> Context:
        """The context of one hook call.

        Args:
            stage: whose hook is called.
            plugin: who serves it.
            asking: answers its `Context.ask`; None in training.
        """
        name = "/".join((*self.within, plugin.name))
        return Context(
            round=self.number,
            num_classes=self.num_classes,
            device=self.device,
            generator=self.stream(stage, plugin.name),
            model=self.model,
            state=self.states.setdefault(name, {}),
            cache=self.caches.setdefault(name, {}),
            round_cache=self.round_caches.setdefault(name, {}),
            logged=self.logged.setdefault(name, {}),
            progress=functools.partial(self.progress, stage),
            step=self.step,
            left=self.left,
            asking=asking,
        )

    def stream(self, *names: str | int) -> torch.Generator:
        """Random numbers of this query.

        Args:
            names: what they are for.
        """
        step = ("step", self.step) if self.step else ()
        return seeds.generator(self.seed, self.number, *names, *step, *self.calls)

    def numbers(self) -> dict[str, dict[str, float]]:
        """What plugins have logged so far; nothing of those that logged nothing."""
        return {name: dict(values) for name, values in self.logged.items() if values}


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """The answer to one query of a pool.

    Attributes:
        picks: ``n`` distinct positions in the unlabelled pool, on the CPU, best first.
        scores: ``N`` scores on the CPU, or None where no scorer served.
        topped_up: how many of the last picks the engine drew at random.
        logged: numbers that plugins logged, by plugin name.
    """

    picks: Tensor
    scores: Tensor | None
    topped_up: int
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
