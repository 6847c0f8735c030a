"""A process at the other end of a pipe; nothing that is asked of it ever waits for it."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

PATIENCE = 2.0  # seconds that a process has to end when it is told to


class Link:
    """A spawned process, and two threads that wait for its pipe.

    Args:
        target: what the process runs, a function of a module: it is given its end of the pipe first.
        arguments: what can be pickled.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork would have the server's locks and sockets
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=target, args=(there, *arguments), daemon=True)
        self._process.start()
        there.close()
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._to_say: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._is_over = threading.Event()
        for work in (self._listen, self._speak):
            threading.Thread(target=work, daemon=True).start()

    def put(self, item: Any) -> None:
        """Sends something, sooner or later."""
        self._to_say.put((item,))

    def heard(self) -> list[Any]:
        """What has come since."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._heard.get_nowait())
        return found

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether the process has closed its end, and nothing more is to come."""
        return self._is_over.is_set() and self._heard.empty()

    def how_it_ended(self) -> str:
        """Why the process is gone, for people."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is None:
            return "it answers no more"
        if code >= 0:
            return f"it ended with exit code {code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            return f"killed by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}"
        return f"killed by signal {-code}"

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._to_say.put(None)
        self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():  # stopped, or in a state in which it hears no signal
            self._process.kill()
            self._process.join(PATIENCE)

    def _listen(self) -> None:
        try:
            while True:
                self._heard.put(self._here.recv())
        except Exception:  # the end of the pipe, or what can't be unpickled
            self._to_say.put(None)
            self._is_over.set()

    def _speak(self) -> None:
        with contextlib.suppress(OSError):
            while (item := self._to_say.get()) is not None:
                self._here.send(item[0])


def serve(end: Connection, answer: Callable[[Any], Any]) -> None:
    """What a process does at its end: answers one item after the other until the pipe is closed.

    Args:
        end: its end of the pipe.
        answer: yields what is sent back for an item.
    """
    with contextlib.suppress(EOFError, OSError):
        while True:
            for part in answer(end.recv()):
                end.send(part)
