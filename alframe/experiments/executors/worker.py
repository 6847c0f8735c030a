"""The inside of a process that runs trials: one task after another, until the parent hangs up."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection, wait

import torch

from alframe.errors import AlframeError, DamagedFileError, PluginError, TrialError, UsageError, one_line
from alframe.experiments.events import Audience
from alframe.experiments.executors.messages import Dropped, Ended, Message
from alframe.experiments.executors.performer import Performer
from alframe.registry.registry import installed

ALL = -1  # number of a message that is no single task's
KINDS = (DamagedFileError, UsageError, PluginError, TrialError, AlframeError)


def work(connection: Connection, gpu: int | None, threads: int, force: bool) -> None:
    """Runs the tasks that come, and tells how they go.

    Args:
        connection: gives pairs of tasks, which are run in step, and the event plugins that failed elsewhere;
            takes pairs of a task's number and a message.
        gpu: which of several GPUs is this process's; None where there are not several.
        threads: how many it may use.
        force: whether trials start anew.
    """
    _print_to_standard_error()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    registry = installed()

    def send(number: int, message: Message) -> None:
        connection.send((number, message))

    def dropped_here(key: str, text: str) -> None:
        send(ALL, Dropped(text, key))

    audience = Audience(registry, dropped_here)
    performer = Performer(registry, audience, gpu=gpu)

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            tasks, dropped = connection.recv()
            audience.dropped |= dropped
            for number, end in performer.perform(tasks, send, force=force):
                send(number, Ended(portable(end) if isinstance(end, AlframeError) else end))


def portable(error: AlframeError) -> AlframeError:
    """An error as plain data, with its trace, which does not come through a connection, as a note.

    A plugin's own class may not be known where it arrives, or refuse to be made anew.

    Args:
        error: why a trial failed.
    """
    kind = next(kind for kind in KINDS if isinstance(error, kind))
    plain = kind(one_line(error))
    plain.add_note("".join(traceback.format_exception(error)))
    return plain


def _print_to_standard_error() -> None:
    """Standard output is for results; it is the parent's."""
    sys.stdout = sys.stderr
    with contextlib.suppress(OSError):  # there is no standard error
        os.dup2(2, 1)


def _end_with_parent() -> None:
    """Ends this process when the parent does, be it by SIGKILL: it would hold its trial otherwise."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
