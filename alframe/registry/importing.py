"""Importing other people's code, so that whatever it does stays its own affair."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from alframe.errors import reason
from alframe.registry.process import AT_IMPORT, no_way_out, process_settings, put_back, torch_at_first
from alframe.registry.streams import KeptOpen

SLOW_SECONDS = 1.0  # an import that takes longer is worth a word


@dataclasses.dataclass(frozen=True)
class Import:
    """How an import went.

    Attributes:
        module: what was imported, or None.
        error: what it raised, or None.
        seconds: how long it took.
        remarks: what it did that an import should not do.
    """

    module: Any
    error: BaseException | None
    seconds: float
    remarks: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Why it failed, or ""."""
        return f"could not be imported: {reason(self.error)}{_where(self.error)}" if self.error else ""


def attempt(load: Callable[[], Any]) -> Import:
    """Imports, whatever happens: only an interrupt by the user comes through.

    What the import prints goes to standard error, as standard output is for data. The random state of
    Python and what is set for the whole process, as the working directory, are put back.

    Args:
        load: imports and returns the module, or whatever object has the hooks.
    """
    state, had_torch = random.getstate(), "torch" in sys.modules
    settings = process_settings()
    printed = io.StringIO()
    module, error = None, None
    started = time.perf_counter()
    try:
        with (
            contextlib.redirect_stdout(KeptOpen(printed)),
            contextlib.redirect_stderr(KeptOpen(sys.stderr)),
            no_way_out(),
        ):
            module = load()
    except KeyboardInterrupt:
        raise
    except BaseException as caught:  # SystemExit too: a plugin that exits must not take alframe along
        error = caught
    seconds = time.perf_counter() - started
    remarks = []
    if seconds > SLOW_SECONDS:
        remarks.append(f"takes {seconds:.1f} s to import, and every command waits for it")
    if "torch" in sys.modules and not had_torch:
        remarks.append("imports torch when it is listed; import it inside the functions that need it")
    if printed.getvalue():
        sys.stderr.write(printed.getvalue())
        remarks.append("prints when it is imported")
    for name in put_back({**torch_at_first(), **settings}, only=AT_IMPORT):
        remarks.append(f"changed {name} when it was imported; that was undone")
    if random.getstate() != state:
        random.setstate(state)
        remarks.append("changed Python's random state when it was imported; that was undone")
    return Import(module, error, seconds, tuple(remarks))


def _where(error: BaseException) -> str:
    """File and line that an exception came from; a syntax error's text has them already."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames[1:] if not frame.filename.startswith("<")]  # [0] is ours
    if isinstance(error, SyntaxError) or not outside:
        return ""
    return f" ({os.path.basename(outside[-1].filename)}, line {outside[-1].lineno})"
