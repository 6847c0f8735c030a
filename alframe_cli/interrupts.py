"""Ctrl-C: the first ends what runs, in good order; the second ends it at once."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from os import _exit as leave  # the real one: while a trial runs in this process it refuses
from types import FrameType

from alframe_cli.plain_text import echo


@contextlib.contextmanager
def second_one_ends_at_once(code: int) -> Iterator[None]:
    """Lets a second Ctrl-C end the program, whatever holds it up: a plugin may have caught the first.

    Where interrupts are ignored already, as in the background of a shell, they stay so.

    Args:
        code: what the program ends with.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        if multiprocessing := sys.modules.get("multiprocessing"):
            for child in multiprocessing.active_children():
                child.kill()
        with contextlib.suppress(Exception):
            echo(err=True)
            echo("interrupted at once", err=True)
        leave(code)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
