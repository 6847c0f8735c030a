"""Events: who hears of them, and what becomes of a plugin that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alframe.errors import reason
from alframe.registry.plugin import Plugin
from alframe.registry.registry import Registry

if TYPE_CHECKING:
    from alframe.experiments.trials import Trial


class Audience:
    """The plugins that hear of a run's events. One that fails is told of once, and hears no more of the run.

    Args:
        registry: the plugins.
        report: told the key of one that failed, and what to tell people.

    Attributes:
        dropped: keys of those that failed.
    """

    def __init__(self, registry: Registry, report: Callable[[str, str], None]) -> None:
        self._registry = registry
        self._report = report
        self.dropped: set[str] = set()

    def send(self, event: str, run: Trial, *, again: bool = False, **arguments: Any) -> None:
        """Sends an event to all plugins but those that are to be asked for and were not.

        Args:
            event: one of `alframe.hookspecs.EVENTS`.
            run: the trial.
            again: whether the trial was finished before; then only those hear that were to be asked for and
                were, so that what they write is complete.
            arguments: the hook's others, but the plugin's options.
        """

        def hears(plugin: Plugin) -> bool:
            if plugin.key in self.dropped:
                return False
            return plugin.key in run.settings.listeners if plugin.info.on_request else not again

        for plugin, error in self._registry.send(event, hears, run.settings.options_of, run=run, **arguments):
            self.dropped.add(plugin.key)
            self._report(
                plugin.key,
                f"plugin {plugin.name!r} ({plugin.provider}) failed in alframe_{event} and hears no more of "
                f"this run: {reason(error)}",
            )
