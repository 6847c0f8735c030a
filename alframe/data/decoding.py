"""Image files decoded by several threads or processes, some ahead of who takes them. Never imports torch."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import dataclasses
import itertools
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from alframe.data.depths import GreyRange
from alframe.data.pictures import Picture, PictureRules, read_picture
from alframe.errors import TrialError

TOGETHER = 16  # files a task
SHARE = 0.25  # of the machine's memory: images that take more stay in their files
Found = list[Picture | None]


class Decoder:
    """Who decodes: threads of this process, or processes of its own, which are kept until `close`.

    Args:
        workers: how many processes; 0: threads, which a script without a main guard can have, too.
    """

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers
        self._processes: ProcessPoolExecutor | None = None

    def decoded(
        self,
        sources: Iterator[Path | bytes],
        rules: PictureRules,
        ranges: Mapping[str, GreyRange],
        ahead: int = 0,
    ) -> Iterator[Picture | None]:
        """What is found in each file, in their order; None where it is no image.

        Args:
            sources: files, or their content.
            rules: how.
            ranges: as of `read_picture`.
            ahead: how many are decoded before they are taken, at the least.

        Raises:
            TrialError: a process was killed.
        """
        with contextlib.ExitStack() as ended:
            if self._workers:
                pool: Executor = self._started()
                busy = self._workers
            else:
                pool = ended.enter_context(ThreadPoolExecutor())
                busy = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4
            most = max(2 * busy, -(-ahead // TOGETHER))
            waiting: collections.deque[Future[Found]] = collections.deque()
            try:
                while True:
                    while len(waiting) < most and (part := list(itertools.islice(sources, TOGETHER))):
                        with _uninterrupted():  # processes begin here
                            waiting.append(pool.submit(_read, part, rules, ranges))
                    if not waiting:
                        return
                    yield from waiting.popleft().result()
            except BrokenProcessPool as error:
                self._processes = None
                raise TrialError(
                    "a process that decodes images was killed, perhaps for want of memory: --workers with "
                    "a smaller number needs less"
                ) from error
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """Ends the processes."""
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)
            self._processes = None

    def _started(self) -> ProcessPoolExecutor:
        if self._processes is None:
            self._processes = ProcessPoolExecutor(
                self._workers, multiprocessing.get_context("spawn"), initializer=_begin
            )
        return self._processes

    def __reduce__(self) -> Any:
        return Decoder, ()  # another process has threads of its own


@dataclasses.dataclass(frozen=True)
class Streaming:
    """How the images of data sets are read that are loaded now.

    Attributes:
        share: of this machine's memory; images that take more stay in their files.
        decoder: who decodes those.
        folder: where it is kept what was found in files that stay where they are, or None.
        progress: told ``(images looked at, images)`` of those.
    """

    share: float = SHARE
    decoder: Decoder = dataclasses.field(default_factory=Decoder)
    folder: Path | None = None
    progress: Callable[[int, int], None] = lambda done, total: None


_now: contextvars.ContextVar[Streaming | None] = contextvars.ContextVar("streaming", default=None)


def streaming() -> Streaming:
    """How images are read now."""
    return _now.get() or Streaming(SHARE)


@contextlib.contextmanager
def images_stay_in_files(
    workers: int, folder: Path, progress: Callable[[int, int], None]
) -> Iterator[Decoder]:
    """Within it, the data sets that can leave their images in files do so, however small they are.

    Args:
        workers: as of `Decoder`, whose processes end with the block.
        folder: as of `Streaming`.
        progress: as of `Streaming`.
    """
    decoder = Decoder(workers)
    token = _now.set(Streaming(0.0, decoder, folder, progress))
    try:
        yield decoder
    finally:
        _now.reset(token)
        decoder.close()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C wait, also for a process that is started meanwhile until it sets itself up."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _read(sources: Sequence[Path | bytes], rules: PictureRules, ranges: Mapping[str, GreyRange]) -> Found:
    return [read_picture(source, rules, ranges) for source in sources]


def _begin() -> None:
    """Sets up a process: Ctrl-C is its parent's, with whom it ends, and Pillow's remarks are nobody's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
