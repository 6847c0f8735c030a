"""Strategies that ask other strategies: `Context.ask`, and who is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from alframe.contract.views import LabelledView, PoolView, Rows, rows_of
from alframe.errors import PluginError, UsageError
from alframe.learning.rows import NetworkRows
from alframe.learning.state import RoundState, Selection
from alframe.registry.plugin import Plugin


class Chooser(Protocol):
    """What is known here of a `Pipeline`."""

    strategy: Plugin

    def inner(self, name: str, options: Mapping[str, Any] | None, asker: str) -> Chooser:
        """Another strategy that this one asks."""
        ...

    def choose(
        self,
        pool: PoolView,
        labelled: LabelledView,
        pending: PoolView,
        n: int,
        state: RoundState,
        both: Rows,
    ) -> Selection:
        """Chooses ``n`` of the pool."""
        ...


def names_asked(plugins: Iterable[Plugin], options: Mapping[str, Any]) -> dict[str, str]:
    """The strategies that plugins will ask, and which plugin asks each.

    Args:
        plugins: who serves the stages.
        options: their options by plugin name.
    """
    found: dict[str, str] = {}
    for plugin in plugins:
        for key in plugin.info.asks:
            named = getattr(options[plugin.name], key)
            for name in (named,) if isinstance(named, str) else named:
                found.setdefault(name, plugin.name)
    return found


def require_no_circle(names: tuple[str, ...]) -> None:
    """Raises `UsageError` where a strategy would ask itself.

    Args:
        names: plugins of which one asks for the next, the outermost first.
    """
    if len(set(names)) < len(names):
        raise UsageError(f"strategies would ask each other in a circle: {' -> '.join(names)}")


class Asked:
    """Answers the `Context.ask` of one hook call.

    Args:
        pipeline: whose hook it is.
        plugin: who asks.
        stage: in which stage.
        state: the round.
        pool: the hook's view of the pool.
        labelled: the hook's view of the labelled set.
    """

    def __init__(
        self,
        pipeline: Chooser,
        plugin: Plugin,
        stage: str,
        state: RoundState,
        pool: PoolView,
        labelled: LabelledView,
    ) -> None:
        self._pipeline = pipeline
        self._plugin = plugin
        self._stage = stage
        self._state = state
        self._whole = rows_of(pool), rows_of(labelled)
        self._count = 0

    def __call__(
        self,
        strategy: str,
        pool: PoolView,
        labelled: LabelledView,
        n: int,
        options: Mapping[str, Any] | None,
        pending: PoolView | None,
    ) -> Tensor:
        """Positions in the pool; see `Context.ask`."""
        if not isinstance(pool, PoolView) or not isinstance(labelled, LabelledView):
            raise PluginError("ctx.ask wants a view of the pool and one of the labelled set")
        if type(n) is not int or n < 1:
            raise PluginError(f"ctx.ask wants a whole number of samples from 1, got n={n!r}")
        inner = self._pipeline.inner(strategy, options, self._plugin.name)
        self._count += 1
        n = min(n, len(pool))
        if not n:
            return torch.empty(0, dtype=torch.int64, device=self._state.device)
        if not self._state.number and not inner.strategy.info.cold_start:  # the network was never trained
            raise UsageError(f"{inner.strategy.name} can't choose before anything is labelled")
        is_whole = (rows_of(pool), rows_of(labelled)) == self._whole
        state = self._of_call(n, is_whole)
        if pending is None or not len(pending):
            pending = pool[:0]
        both = rows_of(pool)
        if len(pending):
            assert isinstance(both, NetworkRows)  # a query on features has nothing pending
            both = both.beside(rows_of(pending))
        chosen = inner.choose(pool, labelled, pending, n, state, both)
        if chosen.topped_up:
            name = "/".join((*state.within, inner.strategy.name))
            state.logged.setdefault(name, {})["topped_up"] = chosen.topped_up
        return chosen.picks.to(self._state.device)

    def _of_call(self, n: int, is_whole: bool) -> RoundState:
        """The round as the other strategy sees it: what it may keep of a part of the pool is nothing."""
        outer = self._state
        return dataclasses.replace(
            outer,
            caches=outer.caches if is_whole else {},
            round_caches=outer.round_caches if is_whole else {},
            step=0,
            left=n,
            within=(*outer.within, self._plugin.name),
            calls=(*outer.calls, outer.step, self._stage, self._plugin.name, self._count),
        )
