"""The process that learns while people label, as the server sees it: it may be busy, dead or absent.

The server imports no torch: that is the process's. It is told what is labelled, and answers with an order of
what should come next. One fit is under way at a time; of requests that come meanwhile the newest counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from alframe.errors import reason
from alframe.labelling.link import Link, serve

PAUSES = (1.0, 5.0, 30.0)  # seconds before the process is started again after each death
DONE = "done"
LEARNING = "alframe.labelling.learning:Learning"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is labelled, and what is wanted.

    Attributes:
        positions: samples with a label, in the order of labelling; never the audit's.
        classes: the place of each one's class.
        num_classes: how many classes there are.
        pending: samples that people have before them.
        want: how many picks.
        passed: samples that are not to be picked: skipped, or nobody was sure.
    """

    positions: Sequence[int]
    classes: Sequence[int]
    num_classes: int
    pending: Sequence[int] = ()
    want: int = 64
    passed: Sequence[int] = ()


@dataclasses.dataclass(frozen=True)
class Message:
    """What the process tells.

    Attributes:
        kind: "model", a new order of the samples; "note", something to be said; "failure", a note, and the
            request has no other answer.
        version: number of the model, from 1; 0 where there is none yet, for too few classes are labelled.
        labels: how many labels it was trained on.
        picks: positions in the order in which they should be labelled.
        scores: the strategy's score of each pick; none where it has no scores.
        suggestions: class and probability by position, never of an audit sample; none without a model.
        audit: the class that the model gives each audit sample, by position.
        audit_picks: audit samples in the order drawn, where the audit is active.
        q: of each of those the probability with which it was drawn from those that were left.
        kappa: agreement with the model before, see `alframe.labelling.advice`; None for the first.
        text: what a note says, or how picks were made without a model.
    """

    kind: Literal["model", "note", "failure"]
    version: int = 0
    labels: int = 0
    picks: Sequence[int] = ()
    scores: Sequence[float] = ()
    suggestions: dict[int, tuple[int, float]] = dataclasses.field(default_factory=dict)
    audit: dict[int, int] = dataclasses.field(default_factory=dict)
    audit_picks: Sequence[int] = ()
    q: Sequence[float] | None = None
    kappa: float | None = None
    text: str = ""


class LearnerProcess:
    """Keeps the process going. No call waits for it.

    A process that dies is started again after 1, 5 and 30 seconds, and the last request is put to it once
    more. After three deaths without a model between them `failed` says why; after a fourth it is left.

    Args:
        folder: the session's.
        learning: what answers requests, as ``"module:function"``: the function is given the folder and
            returns a function that yields messages for a request. It is looked up in the process.
        clock: seconds that never go back.
        plugins: files that are plugins, which the process loads beside the installed ones.

    Attributes:
        failed: why there is no model any more; "" while there is hope.
    """

    def __init__(
        self,
        folder: Path,
        learning: str = LEARNING,
        clock: Callable[[], float] = time.monotonic,
        plugins: Sequence[Path] = (),
    ) -> None:
        self.failed = ""
        self._arguments = folder, learning, tuple(plugins)
        self._clock = clock
        self._deaths = 0
        self._start_at: float | None = None
        self._waiting: Request | None = None
        self._under_way: Request | None = None
        self._messages: list[Message] = []
        self._link: Link | None = Link(_live, *self._arguments)

    def send(
        self,
        positions: Sequence[int],
        classes: Sequence[int],
        num_classes: int,
        pending: Sequence[int] = (),
        want: int = 64,
        passed: Sequence[int] = (),
    ) -> None:
        """Asks for a fit and for picks; a request that the process has not begun with is replaced.

        Args:
            positions: see `Request`.
            classes: see `Request`.
            num_classes: see `Request`.
            pending: see `Request`.
            want: see `Request`.
            passed: see `Request`.
        """
        lists = (tuple(values) for values in (positions, classes, pending, passed))
        positions, classes, pending, passed = lists
        self._waiting = Request(positions, classes, num_classes, pending, want, passed)
        self._advance()

    def poll(self) -> list[Message]:
        """What was told since; also sees to it that the process lives. Call it a few times a second."""
        self._advance()
        told, self._messages = self._messages, []
        return told

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._link is not None and not self._link.is_over

    @property
    def busy(self) -> bool:
        """Whether it has a request to answer."""
        return self._under_way is not None

    @property
    def pid(self) -> int | None:
        """The process's number, where there is one."""
        return self._link.pid if self._link else None

    def close(self) -> None:
        """Ends the process, mid-fit too."""
        link, self._link, self._start_at = self._link, None, None
        if link is not None:
            link.close()

    def _advance(self) -> None:
        if self._link is None and self._start_at is not None and self._clock() >= self._start_at:
            self._start_at, self._link = None, Link(_live, *self._arguments)
        if self._link is None:
            return
        for item in self._link.heard():
            self._hear(item)
        if self._link.is_over:
            self._bury(self._link)
        elif self._under_way is None and self._waiting is not None:
            self._under_way, self._waiting = self._waiting, None
            self._link.put(self._under_way)

    def _hear(self, item: Any) -> None:
        if item == DONE:
            self._under_way = None
            return
        self._messages.append(item)
        if item.kind == "model":
            self._deaths, self.failed = 0, ""

    def _bury(self, link: Link) -> None:
        why = link.how_it_ended()
        link.close()
        self._link = None
        self._waiting, self._under_way = self._waiting or self._under_way, None
        pauses = PAUSES[self._deaths : self._deaths + 1]
        self._deaths += 1
        if self._deaths >= len(PAUSES):
            self.failed = f"the model's process died {self._deaths} times: {why}"
        self._start_at = self._clock() + pauses[0] if pauses else None
        again = f"; it is started again in {pauses[0]:g} s" if pauses else ""
        self._messages.append(Message("note", text=f"the model's process died: {why}{again}"))


def _live(end: Connection, folder: Path, learning: str, plugins: Sequence[Path]) -> None:
    """What the process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which then ends this one
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # who labels comes first
    module, _, name = learning.partition(":")
    made: list[Callable[[Request], Iterator[Message]]] = []

    def make() -> None:
        if not made:
            if plugins:
                from alframe.registry.registry import installed

                for file in plugins:
                    installed().require_file(file)
            made.append(getattr(importlib.import_module(module), name)(folder))

    def answer(request: Request) -> Iterator[Any]:
        try:
            make()
            yield from made[0](request)
        except (Exception, SystemExit) as error:  # a plugin's mistake costs a message
            yield Message("failure", text=f"no new model: {reason(error)}")
        yield DONE

    with contextlib.suppress(Exception, SystemExit):
        make()  # while nobody waits; what goes wrong is said when it does again
    serve(end, answer)
