"""Progress of long work: a bar in a notebook, which replaces itself; elsewhere lines on standard error.

No widgets are needed: any front end that shows HTML shows it.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import Any

SECONDS_BETWEEN = 0.2  # two pictures


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None


def bar(done: int, total: int, text: str) -> str:
    """A bar as HTML with a text behind it."""
    return (
        f'<div><progress value="{int(done)}" max="{max(1, int(total))}" style="width:14em"></progress> '
        f"{html.escape(text)}</div>"
    )


class Board:
    """A place in a notebook's output whose picture is replaced."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = -SECONDS_BETWEEN

    def show(self, picture: Callable[[], str], *, now: bool = False) -> None:
        """Shows a picture, unless the last one is a moment old.

        Args:
            picture: makes the HTML.
            now: show it whenever the last one was.
        """
        if not now and time.monotonic() - self._shown < SECONDS_BETWEEN:
            return
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        if self._handle is None:
            self._handle = display(HTML(picture()), display_id=True)
        else:
            self._handle.update(HTML(picture()))


class StageProgress:
    """Progress of a learner's long work: called with stage, steps done and steps in all."""

    def __init__(self) -> None:
        self._board = Board() if in_notebook() else None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows it: in a notebook, or in the last line of a terminal."""
        text = f"{printable(stage)} {done} of at most {total}"  # training may stop early
        if self._board is not None:
            self._board.show(lambda: bar(done, total, text), now=done >= total)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}{chr(10) if done >= total else ''}")
            sys.stderr.flush()


def told(progress: Callable[[str, int, int], None] | bool) -> Callable[[str, int, int], None]:
    """Who is told of a learner's progress.

    Args:
        progress: whom to tell; True: whoever looks at the screen, False: nobody.
    """
    return progress if callable(progress) else StageProgress() if progress else _nobody


def _nobody(stage: str, done: int, total: int) -> None:
    """Nobody is watching."""


def printable(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
