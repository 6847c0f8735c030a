"""News for the open pages, as a stream of events that a browser reads (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

QUIET = 15.0  # seconds after which a sign of life is sent
PAUSE = 0.15  # seconds between two pieces of news: a fast hand makes ten events a second


class News:
    """Wakes every open stream when something has changed, and sends each the facts as they are then.

    A stream that is slow misses what came between, never the newest.

    Args:
        facts: what is sent, made when it is sent.
    """

    def __init__(self, facts: Callable[[], Any]) -> None:
        self._facts = facts
        self._count = 0
        self._closed = False
        self._waiting: set[asyncio.Event] = set()

    def tell(self) -> None:
        """Something has changed."""
        self._count += 1
        self._wake()

    def close(self) -> None:
        """Ends the streams, so that the server can end."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def stream(self) -> AsyncIterator[str]:
        """What one page reads, from the facts of now on."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            seen = -1
            while not self._closed:
                if seen != self._count:
                    seen = self._count
                    yield f"data: {json.dumps(self._facts())}\n\n"
                    await asyncio.sleep(PAUSE)
                    continue
                woken.clear()
                if seen != self._count or self._closed:
                    continue
                try:
                    await asyncio.wait_for(woken.wait(), QUIET)
                except TimeoutError:
                    yield ":\n\n"
        finally:
            self._waiting.discard(woken)
