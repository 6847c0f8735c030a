"""Faults that are there: a call for each verdict, which shows that the sandbox and the judge see it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fuzzing.attempt import MEMORY
from fuzzing.case import Case, Draw, WrongAnswerError


def known(draw: Draw) -> Case:
    """One of them, in turn."""
    faults = _faults(draw)
    name = sorted(faults)[draw.number % len(faults)]
    return Case(call=faults[name], codes=frozenset({0, 2}), shown=name)


def _faults(draw: Draw) -> dict[str, Callable[[], object]]:
    """By what the judge must say of each, a number after it where there are several."""
    return {
        "answer": _wrong,
        "code": _exit,
        "crash 1": lambda: os.abort(),
        "crash 2": lambda: os._exit(0),
        "elsewhere 1": lambda: (draw.box.outside / "victim").write_text("x"),
        "elsewhere 2": lambda: Path("new").write_text("x"),
        "elsewhere 3": _outside,
        "hang": lambda: time.sleep(1000),
        "memory": lambda: len(bytearray(MEMORY + MEMORY // 4)),
        "message 1": lambda: _told("error: a\nb"),
        "message 2": lambda: _told("error: \x1b[31m"),
        "message 3": lambda: sys.exit(2),
        "run 1": lambda: draw.box.marker.touch(),
        "run 2": lambda: subprocess.run(["true"], check=True),
        "traceback": lambda: 1 / 0,
    }


def _wrong() -> None:
    raise WrongAnswerError("no answer")


def _exit() -> None:
    print("error: odd", file=sys.stderr)
    sys.exit(3)


def _told(text: str) -> None:
    print(text, file=sys.stderr)
    sys.exit(2)


def _outside() -> None:
    """Writes where nobody looks, and removes it."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp"):
        pass
