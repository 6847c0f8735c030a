"""Strategies that ask other strategies: `Context.ask`, and who is asked."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from alframe.contract.views import LabelledView, PoolView, Rows, View, rows_of
from alframe.errors import PluginError, UsageError
from alframe.learning.state import RoundState, Selection
from alframe.registry.plugin import Plugin

THIS = "this strategy "  # begins a line that says what a strategy lacks, where its name is not known


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


def names_asked(plugins: Iterable[Plugin], options: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The strategies that plugins will ask: which plugin asks each, and which of its options says so.

    Args:
        plugins: who serves the stages.
        options: their options by plugin name.
    """
    found: dict[str, tuple[str, str]] = {}
    for plugin in plugins:
        for key in plugin.info.asks:
            named = getattr(options[plugin.name], key)
            for name in (named,) if isinstance(named, str) else named:
                found.setdefault(name, (plugin.name, key))
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
        pending: PoolView | Sequence[PoolView] | None,
    ) -> Tensor:
        """Positions in the pool; see `Context.ask`."""
        taken = [pending] if isinstance(pending, View) else list(pending or ())
        if not all(isinstance(view, PoolView) for view in (pool, *taken)):
            raise PluginError("ctx.ask wants views of the pool as pool and as pending")
        if not isinstance(labelled, LabelledView):
            raise PluginError("ctx.ask wants a view of the labelled set as labelled")
        if not (options is None or isinstance(options, Mapping)):
            raise PluginError("ctx.ask wants options as a dictionary, as {'cap': 0.1}")
        inner = self._inner(strategy, options)
        self._count += 1
        n = min(_count_of(n), len(pool))
        if not n:
            return torch.empty(0, dtype=torch.int64, device=self._state.device)
        if not self._state.number and not inner.strategy.info.cold_start:  # the network was never trained
            raise UsageError(f"{inner.strategy.name} can't choose before anything is labelled")
        is_whole = (rows_of(pool), rows_of(labelled)) == self._whole
        state = self._of_call(n, is_whole)
        both, away = rows_of(pool), rows_of(pool[:0])
        for rows in (rows_of(view) for view in taken if len(view)):
            both, away = both.beside(rows), away.beside(rows)
        try:
            chosen = inner.choose(pool, labelled, PoolView(away), n, state, both)
        except UsageError as error:
            line = str(error)
            if not line.startswith(THIS):
                raise
            asked = f"{self._plugin.name} asks {inner.strategy.name}, which {line.removeprefix(THIS)}"
            raise type(error)(asked) from error
        if chosen.topped_up:
            name = "/".join((*state.within, inner.strategy.name))
            state.logged.setdefault(name, {})["topped_up"] = chosen.topped_up
        return chosen.picks.to(self._state.device)

    def _inner(self, strategy: str, options: Mapping[str, Any] | None) -> Chooser:
        """Who is asked. Whom options name was looked up before: what is wrong here is the plugin's."""
        try:
            return self._pipeline.inner(strategy, options, self._plugin.name)
        except UsageError as error:
            raise PluginError(f"ctx.ask: {error}") from error

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


def _count_of(n: Any) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if isinstance(n, bool) or count < 1:
        raise PluginError(f"ctx.ask wants a whole number of samples from 1, got n={n!r}")
    return count
