"""Passes over many rows by several workers: what asks for one, and what a worker does.

Whatever a strategy does to a pool by blocks is a map: some number, or some few, of each row, which depend on
that row and on a little that is the same for all, as the picks' rows. A worker therefore holds nothing but
the means to make rows. All that a query remembers stays with who asks: a worker that is lost is replaced by
giving its rows to another one, and the numbers are the same.

Rows are cut at the borders at which one process cuts them, so that each number is computed beside the same
others: it is the same to the last bit where devices are of one kind, with as many threads.

What goes over the line in a pass over N rows of D features is 4 N bytes of answers, and the picks' rows to
each worker; read are 2 D N bytes of float16. At 512 features that is one byte in 256, and at 10 million rows
40 MB a pass.

A `Crew` is what gives runs of rows to workers, be they processes of this machine
(`alframe.learning.crew.ProcessCrew`) or actors elsewhere. A worker's side of it is a `Bench`.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import dataclasses
import io
import itertools
import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import cloudpickle
import torch
from torch import Tensor

KEPT = 3  # things that a worker holds ready
RUNS = 4  # runs of rows a worker in one pass: so many that one who is slow, or lost, holds up little
Fetch = Callable[[int], bytes]


@dataclasses.dataclass(frozen=True)
class Job:
    """What is to be done to runs of rows, in two pieces, each with a number of its own.

    Attributes:
        kept: number of what makes rows, up to some 100 MB. Many jobs have the same: workers hold on to it.
        call: number of what is asked this time. It is the same for all runs of the job.
        piece: gives the piece of a number, pickled.
    """

    kept: int
    call: int
    piece: Fetch


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker says of a run of rows.

    Attributes:
        results: what was asked, of each block.
        error: why there are none.
        counted: what was counted meanwhile, as rows that were read.
    """

    results: list[Any]
    error: Exception | None = None
    counted: dict[str, int] = dataclasses.field(default_factory=dict)


@runtime_checkable
class Crew(Protocol):
    """Workers, each with a `Bench`, and who gives them runs of rows.

    Attributes:
        workers: how many there are at first.
        lost: how many of them were lost.
    """

    workers: int
    lost: int

    def map(self, job: Job, runs: Sequence[Sequence[slice]]) -> Iterator[tuple[int, bytes]]:
        """Has a job done to each run of rows by some worker; yields number and answer, in any order.

        Each worker is given one run at a time, ``bench.work(job.kept, job.call, fetch, run)``; ``fetch``
        brings it ``job.piece(number)`` of the numbers that it does not know. With Ray these are
        ``pieces = {number: ray.put(job.piece(number)) for number in (job.kept, job.call)}`` and ``fetch`` is
        ``lambda number: ray.get(pieces[number])``. Answers are bytes that nobody needs to look into.

        A run whose worker is lost is given to another worker. Where none is left, its number is not yielded:
        who asked does it. It is best to give a worker the same runs in each pass, for what it has read is in
        its machine's memory then.

        Args:
            job: what is asked.
            runs: blocks of rows that follow one another, for each run.
        """
        ...


class Bench:
    """A worker's side: does what is asked to runs of rows.

    Args:
        device: where the worker computes: what is on a GPU where the pool is, is on this one here.

    Example:
        A worker of Ray is ``ray.remote(num_gpus=1)(Bench).remote("cuda")``.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(device)
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)
        self._kept: collections.OrderedDict[int, Any] = collections.OrderedDict()
        self._call: tuple[int, Any] = (-1, None)

    def work(self, kept: int, call: int, fetch: Fetch, run: Sequence[slice]) -> bytes:
        """The answer, pickled; an error is one, too.

        Args:
            kept: number of what makes rows.
            call: number of what is asked.
            fetch: brings the piece of a number, pickled, where it is not here yet.
            run: blocks of rows.
        """
        with counting() as counted:
            try:
                results, error = self._results(kept, call, fetch, run), None
            except Exception as raised:
                results, error = [], portable(raised)
        return dumps(Answer(results, error, dict(counted)))

    def _results(self, kept: int, call: int, fetch: Fetch, run: Sequence[slice]) -> list[Any]:
        if kept not in self._kept:
            self._kept[kept] = self._made(fetch(kept))
        self._kept.move_to_end(kept)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if call != self._call[0]:
            self._call = call, self._made(fetch(call))
        function, payload = self._call[1]
        with torch.no_grad():
            return [function(self._kept[kept], payload, block) for block in run]

    def _made(self, piece: bytes) -> Any:
        prepare, packed = loads(piece, self._device)
        prepare()
        return loads(packed, self._device)


class _Work:
    """The crew of a query, and numbers of what its workers hold."""

    numbers = itertools.count()

    def __init__(self, crew: Crew, device: torch.device, prepare: Callable[[], object]) -> None:
        self.crew = crew
        self.device = device
        self.prepare = prepare
        self.check: Callable[[], None] = lambda: None
        self._known: collections.OrderedDict[int, tuple[int, Any]] = collections.OrderedDict()

    def job(self, function: Callable[..., Any], kept: Any, payload: Any) -> Job:
        number, _ = self._known.setdefault(
            id(kept), (next(self.numbers), kept)
        )  # so that its id is no other's
        self._known.move_to_end(id(kept))
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        pieces, packed = {number: kept, (call := next(self.numbers)): (function, payload)}, {}

        def piece(number: int) -> bytes:
            if number not in packed:
                packed[number] = dumps((self.prepare, dumps(pieces[number])))
            return packed[number]

        return Job(number, call, piece)


_work: contextvars.ContextVar[_Work | None] = contextvars.ContextVar("work", default=None)
_counted: contextvars.ContextVar[collections.Counter[str] | None] = contextvars.ContextVar(
    "counted", default=None
)


@contextlib.contextmanager
def working(crew: Crew | None, device: torch.device, prepare: Callable[[], object] = dict) -> Iterator[None]:
    """Has the passes over rows in files made by a crew, in the block of code.

    Args:
        crew: who; None for this process.
        device: where this process computes.
        prepare: called by workers before they make anything of what they are sent, as to import plugins that
            are files; more than once.
    """
    token = _work.set(None if crew is None else _Work(crew, device, prepare))
    try:
        yield
    finally:
        _work.reset(token)


def before_taking_over(check: Callable[[], None]) -> None:
    """Has something called before this process does what no worker was left to do.

    Args:
        check: raises where that would be no use: what has killed the workers may kill this process, as a file
            does that was cut off while it is mapped.
    """
    if (work := _work.get()) is not None:
        work.check = check


@contextlib.contextmanager
def counting() -> Iterator[collections.Counter[str]]:
    """Counts what `count` is told of in the block of code, by this process and by the workers of a crew."""
    counted: collections.Counter[str] = collections.Counter()
    token = _counted.set(counted)
    try:
        yield counted
    finally:
        _counted.reset(token)


def counted_so_far() -> Mapping[str, int]:
    """What was counted in the block of code of `counting`; nothing outside."""
    return _counted.get() or {}


def count(**numbers: int) -> None:
    """Adds to what is counted, as ``count(rows=100)``."""
    counted = _counted.get()
    if counted is not None:
        counted.update(numbers)


def over_rows(
    function: Callable[[Any, Any, slice], Any],
    kept: Any,
    payload: Any,
    blocks: Iterator[slice],
    spread: bool = True,
) -> Iterator[tuple[slice, Any]]:
    """``function(kept, payload, block)`` of each block, by a crew where there is one.

    Args:
        function: of a module's top level, or whatever else cloudpickle takes; it keeps nothing.
        kept: the means to make rows, which workers hold on to.
        payload: what is wanted of them this time: small.
        blocks: of rows, one after the other.
        spread: whether a crew is to do it: rows in memory are not worth it.

    Yields:
        Block and result; in any order where there is a crew.
    """
    work = _work.get() if spread else None
    listed = [] if work is None else list(blocks)
    if work is None or len(listed) < 2:
        for block in listed or blocks:
            yield block, function(kept, payload, block)
        return
    runs = _runs(listed, RUNS * work.crew.workers)
    left = set(range(len(runs)))
    failed: tuple[int, Exception | None] = (len(runs), None)
    lost = work.crew.lost
    for number, packed in work.crew.map(work.job(function, kept, payload), runs):
        answer: Answer = loads(packed, work.device)
        count(**answer.counted)
        left.discard(number)
        if answer.error is not None and number < failed[0]:
            failed = number, answer.error
        if failed[1] is not None:
            if min(left, default=len(runs)) > failed[0]:  # the first error is that of one process
                raise failed[1]
            continue
        yield from zip(runs[number], answer.results, strict=True)
    count(workers_lost=work.crew.lost - lost)
    if left:
        work.check()
    for number in sorted(left):
        for block in runs[number] if number < failed[0] else ():
            with working(None, work.device):
                result = function(kept, payload, block)
            yield block, result
    if failed[1] is not None:
        raise failed[1]


def gathered(parts: Iterable[tuple[slice, Tensor]], rows: int) -> Tensor:
    """The parts one below the other, whichever comes first; one at a time is held beside.

    Args:
        parts: blocks of rows and their ``b x ...`` tensors, at least one.
        rows: how many rows they have together.
    """
    whole: Tensor | None = None
    for block, part in parts:
        if len(part) == rows:
            return part
        if whole is None:
            whole = part.new_empty((rows, *part.shape[1:]))
        whole[block] = part
    assert whole is not None
    return whole


def _runs(blocks: list[slice], count: int) -> list[list[slice]]:
    """Blocks that follow one another, in about as many runs of about as many."""
    count = max(1, min(count, len(blocks)))
    ends = [number * len(blocks) // count for number in range(count + 1)]
    return [blocks[start:stop] for start, stop in itertools.pairwise(ends)]


def portable(error: Exception) -> Exception:
    """The error as one that can be pickled, with its trace as a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        plain = pickle.loads(pickle.dumps(error))
        assert isinstance(plain, type(error))
    except Exception:  # of a class that can't be made anew, say
        plain = RuntimeError(f"{type(error).__name__}: {error}")
    plain.add_note(trace)
    return plain


_device: contextvars.ContextVar[torch.device] = contextvars.ContextVar("device")


def dumps(value: Any) -> bytes:
    """Pickles what workers need, with functions that have no name and tensors of any device."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def loads(data: bytes, device: torch.device) -> Any:
    """What `dumps` has pickled, with what was on a GPU on a device."""
    token = _device.set(device)
    try:
        return pickle.loads(data)
    finally:
        _device.reset(token)


class _Pickler(cloudpickle.Pickler):
    """Cloudpickle, but for devices, which are others for each worker, and views of tensors, copied alone."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.device) and value.type != "cpu":
            return _here, ()
        if type(value) is Tensor and not value.requires_grad and value.layout == torch.strided:
            moves = value.device.type != "cpu"
            if value.dtype != torch.bfloat16:
                return _tensor, (value.cpu().contiguous().numpy(), moves)
            return _tensor, (value.float().cpu().contiguous().numpy(), moves, value.dtype)
        if isinstance(value, Tensor) and value.device.type != "cpu":
            return _moved, (value.cpu(),)
        return super().reducer_override(value)


def _here() -> torch.device:
    return _device.get()


def _tensor(array: Any, moves: bool, dtype: torch.dtype | None = None) -> Tensor:
    tensor = torch.from_numpy(array)
    tensor = tensor.to(_here()) if moves else tensor
    return tensor if dtype is None else tensor.to(dtype)


def _moved(value: Tensor) -> Tensor:
    return value.to(_here())
