"""Tells plugins of events: apart from the answers, so that no label waits for one, or is lost by one."""

from __future__ import annotations

import collections
import json
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from alframe.errors import reason
from alframe.labelling.events import Event, encode

if TYPE_CHECKING:
    from alframe.registry.plugin import Plugin
    from alframe.registry.registry import Registry

MOST_WAITING = 1000  # events that a slow plugin may be behind
LAST_SECONDS = 5.0  # for what is left when the session ends


class Telling:
    """Tells each plugin of a session's events in a thread of its own.

    A plugin that fails is told of no more; one that is a thousand events behind misses those that come.

    Args:
        session: the session. It is listened to from now on.
        registry: the plugins.
        keys: of those that are to be told.
        report: told once what is amiss with each.

    Attributes:
        notes: what was reported, a line each.
    """

    def __init__(
        self,
        session: Any,
        registry: Registry,
        keys: Collection[str],
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.notes: list[str] = []
        self._report = report
        plugins = [plugin for plugin in registry.plugins if plugin.key in keys]
        self._ears = [_Ear(session, registry, plugin, self._say) for plugin in plugins]
        for ear in self._ears:
            ear.start()
        session.listen(self._hear)

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Gives the plugins some time for what is left, and says what they missed."""
        until = time.monotonic() + seconds
        for ear in self._ears:
            ear.end()
        for ear in self._ears:
            ear.join(max(0.0, until - time.monotonic()))
            ear.sum_up()

    def _hear(self, event: Event) -> None:
        for ear in self._ears:
            ear.put(event)

    def _say(self, text: str) -> None:
        self.notes.append(text)
        self._report(text)


class _Ear(threading.Thread):
    """One plugin's thread, and what waits for it."""

    def __init__(self, session: Any, registry: Registry, plugin: Plugin, say: Callable[[str], None]) -> None:
        super().__init__(name=f"tells {plugin.key}", daemon=True)  # who never returns holds up no end
        self._session, self._registry, self._plugin, self._say = session, registry, plugin, say
        self._waiting: collections.deque[Event] = collections.deque()
        self._changed = threading.Condition()
        self._is_over = False  # nothing more will come
        self._is_deaf = False  # it has failed, or is waited for no more
        self._is_busy = False  # with an event
        self._missed = 0

    def put(self, event: Event) -> None:
        """Takes an event, at once, or drops it."""
        with self._changed:
            if self._is_deaf:
                return
            if is_full := len(self._waiting) >= MOST_WAITING:
                self._missed += 1
            else:
                self._waiting.append(event)
                self._changed.notify()
        if is_full and self._missed == 1:
            self._say(f"{self._who()} is {MOST_WAITING:,} events behind in alframe_labelled: it misses some")

    def end(self) -> None:
        """Lets the thread end when nothing waits any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def sum_up(self) -> None:
        """Says how much was missed, after the end."""
        with self._changed:
            left = 0 if self._is_deaf else self._missed + len(self._waiting) + self._is_busy
            self._is_deaf = True
        if left:
            self._say(f"{self._who()} was not told of {left:,} events, or did not finish with them in time")

    def run(self) -> None:
        """Tells the plugin what comes, until it fails or the session ends."""
        while (event := self._next()) is not None:
            said = json.loads(encode(event))
            found = self._registry.send("labelled", self._is_ours, session=self._session, event=said)
            try:
                for _, error in found:
                    self._fail(error)
            except BaseException as error:  # of a wrapper, or an interrupt that the plugin raises
                self._fail(error)

    def _is_ours(self, plugin: Plugin) -> bool:
        return plugin is self._plugin

    def _next(self) -> Event | None:
        with self._changed:
            self._is_busy = False
            while not self._waiting and not self._is_over and not self._is_deaf:
                self._changed.wait()
            self._is_busy = bool(self._waiting) and not self._is_deaf
            return self._waiting.popleft() if self._is_busy else None

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._is_deaf = True
            self._waiting.clear()
        self._say(f"{self._who()} failed in alframe_labelled and hears no more: {reason(error)}")

    def _who(self) -> str:
        return f"plugin {self._plugin.name!r} ({self._plugin.provider})"
