"""Standard input, output and error as they should be, whatever the program was started with.

A run of hours must not fail for a sign that a terminal can't show, or because nobody reads any more.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from alframe.errors import AlframeWarning, reason
from alframe.registry.streams import KeptOpen
from alframe_cli.plain_text import echo

PLAIN = "alframe.plain"  # name of how signs are written that an encoding does not have
SIGNS = {
    "±": "+/-",
    "\u00d7": "x",  # multiplication
    "\u2013": "-",  # dashes, and minus
    "\u2014": "-",
    "\u2212": "-",
    "→": "->",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "•": "*",
    "│": "|",
    "┃": "|",
    "█": "#",
}


def plain(error: UnicodeError) -> tuple[str, int]:
    """Writes signs that an encoding does not have in ASCII, or by their number: a codec's error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(map(_in_ascii, signs)), error.end


def _in_ascii(sign: str) -> str:
    if "\u2500" <= sign <= "\u257f":  # lines of tables and bars
        return SIGNS.get(sign, "-")
    return SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode()


codecs.register_error(PLAIN, plain)


def writable(text: str) -> str:
    """A text as standard output can show it, for whoever reckons with its width."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding)


class Forgiving(io.FileIO):
    """Writes to a file descriptor; what nobody reads any more, as after ``| head``, is dropped.

    Args:
        descriptor: of an open file, which stays open.
        always: whether other faults are none either, as a full disk.
    """

    def __init__(self, descriptor: int, *, always: bool = False) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._always = always

    def write(self, data: Any) -> int:
        """Writes, or drops.

        Raises:
            OSError: a fault of another kind, once: what is left of the results then is dropped.
        """
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes
        except OSError:
            if self._always:
                return memoryview(data).nbytes
            self._always = True
            raise


@contextlib.contextmanager
def robust() -> Iterator[None]:
    """Makes the standard streams such that writing to them fails no work, for a block of code.

    Closed ones are opened on nothing: the next file that is opened would be taken for one of them. Progress
    that can't be written is dropped; results that can't are an error, unless their reader has gone.

    Raises:
        OSError: results can't be written.
    """
    before = sys.stdout, sys.stderr
    if os.name == "posix":  # elsewhere consoles are no files
        _open_closed()
        sys.stdout = _forgiving(sys.stdout, 1, always=False)
        sys.stderr = _forgiving(sys.stderr, 2, always=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)
    ours = sys.stdout, sys.stderr
    try:
        yield
        ours[0].flush()
    finally:
        for stream in ours:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before[0] or sys.stdout, before[1] or sys.stderr


def _open_closed() -> None:
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 (as long as the program)


def _forgiving(stream: TextIO | None, descriptor: int, *, always: bool) -> TextIO:
    """A stream that forgives, in the place of the one that Python made; another's stays as it is."""
    if stream is not None and not _is_plain(stream, descriptor):
        return stream
    raw = Forgiving(descriptor, always=always)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding if stream else "utf-8",
        errors=PLAIN,
        line_buffering=descriptor == 2 or raw.isatty(),
        write_through=bool(getattr(stream, "write_through", False)),
    )


def _is_plain(stream: TextIO, descriptor: int) -> bool:
    """Whether a stream is Python's own on a descriptor, and not another's who listens."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return stream in (sys.__stdout__, sys.__stderr__) and stream.fileno() == descriptor
    return False


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Shows what anybody's code warns of in a line, for a block; of others' than alframe's with the place."""
    shown = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
    ) -> None:
        text = " ".join(str(message).split())
        place = (
            ""
            if issubclass(category, AlframeWarning)
            else f" ({category.__name__}, {filename}, line {lineno})"
        )
        echo(f"note: {text}{place}", err=True)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


@contextlib.contextmanager
def faults_as_notes() -> Iterator[None]:
    """Shows in a line, for a block, what goes wrong where nobody can catch it: in threads and finalisers."""
    before = threading.excepthook, sys.unraisablehook

    def show(where: str, error: BaseException | None) -> None:
        if error is not None:
            echo(f"note: {where} of a plugin or a library raised {reason(error)}", err=True)

    threading.excepthook = lambda fault: show("a thread", fault.exc_value)
    sys.unraisablehook = lambda fault: show("a finaliser", fault.exc_value)
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


@contextlib.contextmanager
def output_for_results() -> Iterator[None]:
    """Sends what is printed in a block to standard error, be it from C or by a process: plugins run in it."""
    sys.stdout.flush()
    kept = _redirected()
    try:
        kept_open = KeptOpen(sys.stderr)
        with contextlib.redirect_stdout(kept_open), contextlib.redirect_stderr(kept_open):
            yield
    finally:
        _flush_c()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _flush_c() -> None:
    """Writes what C has kept back, which would come among the results."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)


def _redirected() -> int | None:
    """Makes descriptor 1 standard error; what it was, or None where it is not open."""
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        return None
    return kept
