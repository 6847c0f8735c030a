"""A plugin as the registry knows it, and what it offers by name."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from alframe.contract.info import NewerApiError, PluginInfo
from alframe.hookspecs import EVENTS, STAGES

DEFAULT = "alframe/default"  # who serves a stage when nobody else does


class State(StrEnum):
    """Whether a plugin can be used."""

    READY = "ready"
    DISABLED = "disabled"
    NEWER = "needs a newer alframe"
    BROKEN = "broken"


@dataclasses.dataclass(frozen=True, eq=False)
class Plugin:
    """One plugin, usable or not.

    Attributes:
        name: what users type.
        distribution: the installed package it came from.
        version: that package's version.
        module: the object that holds the hooks, or None when it could not be loaded.
        info: its description of itself.
        hooks: names of the hooks it provides, wrappers left out.
        state: whether it can be used.
        problem: why it can't be used; "" when it can.
        cause: the exception behind the problem.
        path: the file it is, when it is no installed package.
        seconds: how long its import took.
        remarks: what its import did that it should not; it can be used all the same.
    """

    name: str
    distribution: str
    version: str = ""
    module: Any = None
    info: PluginInfo = dataclasses.field(default_factory=lambda: PluginInfo(summary=""))
    hooks: frozenset[str] = frozenset()
    state: State = State.READY
    problem: str = ""
    cause: BaseException | None = None
    path: Path | None = None
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()

    @functools.cached_property
    def key(self) -> str:
        """``distribution/name``, which names one plugin even where two share a name."""
        return f"{self.distribution}/{self.name}"

    @property
    def provider(self) -> str:
        """Distribution and version, or the file, for people."""
        return str(self.path) if self.path else f"{self.distribution} {self.version}".strip()

    def unusable(self, problem: str, cause: BaseException | None = None) -> Self:
        """The same plugin, which can't be used.

        Args:
            problem: why.
            cause: the exception behind it.
        """
        state = State.NEWER if isinstance(cause, NewerApiError) else State.BROKEN
        return dataclasses.replace(self, state=state, problem=problem, cause=cause)

    def disabled(self, problem: str) -> Self:
        """The same plugin, which somebody has switched off."""
        return dataclasses.replace(self, state=State.DISABLED, problem=problem)

    @functools.cached_property
    def stages(self) -> tuple[str, ...]:
        """The stages this plugin has code for."""
        return tuple(stage for stage in STAGES if f"alframe_{stage}" in self.hooks)

    @property
    def hears_events(self) -> bool:
        """Whether it has a hook for events of runs."""
        return self.hears(EVENTS)

    def hears(self, events: Iterable[str]) -> bool:
        """Whether it has a hook for one of some events."""
        return any(f"alframe_{event}" in self.hooks for event in events)

    @property
    def is_strategy(self) -> bool:
        """Whether it decides what is queried, be it only by leaving everything to the defaults."""
        if self.key == DEFAULT:
            return False
        own = {*self.stages, *self.info.uses}
        return bool(own - {"train"}) or self.hooks <= {"alframe_info"}
