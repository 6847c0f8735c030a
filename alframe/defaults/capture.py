"""Gradient steps as CUDA graphs: the card need not wait for Python.

See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import random
import warnings
from collections.abc import Callable, Hashable, Iterator

import numpy as np
import torch
from torch import Tensor

from alframe.defaults.steps import Drawn, Stepping
from alframe.errors import AlframeWarning
from alframe.ops.graphs import Recorder, give_memory_back

WARM_UP = 3  # steps that run one by one before one is captured, as torch's documentation asks for
WORTH = 50  # steps of a training from which on it is captured
TOLERANCE, ROUNDING = 0.1, 1e-5  # of a step's length, and of a number, that a graph's may differ by


class NotCapturedWarning(AlframeWarning):
    """A training that could be faster.

    Args:
        reason: why its steps aren't captured.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"training is not captured in a CUDA graph: {reason.rstrip('.')}. It goes on step by step, with "
            "the same numbers; train.capture=off silences this"
        )


class Table:
    """An epoch's batches of one size, on the device, and where in them the epoch is.

    Args:
        step: the step.
        device: where the table lies.
    """

    def __init__(self, step: Stepping, device: torch.device) -> None:
        self._step = step
        self._device = device
        self._numbers: list[Tensor] = []
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._results: tuple[Tensor, Tensor] | None = None
        self._rows = 0

    def fill(self, parts: list[Tensor], drawn: list[Drawn]) -> None:
        """Begins an epoch.

        Args:
            parts: positions of each batch, on the CPU; as many batches in each epoch.
            drawn: what was drawn for each, on the CPU or the device.
        """
        tensors = [[value for value in values if isinstance(value, Tensor)] for values in drawn]
        columns = [tuple(parts), *zip(*tensors, strict=True)]
        numbers = [torch.stack(column) for column in columns]
        if not self._numbers:
            self._numbers = [column.to(self._device) for column in numbers]
        for table, column in zip(self._numbers, numbers, strict=True):
            table.copy_(column)  # in place: a graph knows where it lies
        self._rows = len(parts)
        self._position.zero_()

    def run(self, words: Drawn) -> None:
        """The next batch's step: what a graph captures.

        Args:
            words: what was drawn, with None in place of each tensor.
        """
        numbers = [table.index_select(0, self._position).squeeze(0) for table in self._numbers]
        rows, tensors = numbers[0], iter(numbers[1:])
        results = self._step(rows, tuple(next(tensors) if word is None else word for word in words))
        if self._results is None:
            loss, right = (value.new_zeros((self._rows, *value.shape)) for value in results)
            self._results = (loss, right)
        for kept, value in zip(self._results, results, strict=True):
            kept.index_copy_(0, self._position, value[None])
        self._position += 1

    def state(self) -> list[Tensor]:
        """All that a batch's step moves."""
        return [self._position, *self.results(), *self._step.state()]

    def results(self) -> tuple[Tensor, Tensor]:
        """The losses of the epoch's batches, and how many of each were predicted right."""
        assert self._results is not None
        return self._results


class Captured:
    """Epochs of steps of which those of one kind are captured in a CUDA graph, and replayed.

    Steps of a kind have a batch size and, in ``drawn``, words that are no tensors in common. The first
    `WARM_UP` of them run one by one, and count as all others: capturing computes nothing, so that weights,
    statistics and random streams are where they would be without it. The next is done twice, from one state:
    a graph that does not give what the step gives is not used.

    Args:
        step: the step.
        device: a GPU.
    """

    def __init__(self, step: Stepping, device: torch.device) -> None:
        self._step = step
        self._device = device
        self._recorder: Recorder | None = Recorder(device)
        self._tables: dict[int, Table] = {}
        self._seen: collections.Counter[Hashable] = collections.Counter()
        self._replays: dict[Hashable, Callable[[], None]] = {}

    def epoch(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Losses of an epoch's steps, and how many of each batch were predicted right; on the device.

        Args:
            parts: the batches' positions, on the CPU; those of one size follow each other.
        """
        drawn = list(self._step.draws([len(rows) for rows in parts]))
        sizes = list(dict.fromkeys(len(rows) for rows in parts))
        for size in sizes:
            if size not in self._tables:
                self._tables[size] = Table(self._step, self._device)
            chosen = [place for place, rows in enumerate(parts) if len(rows) == size]
            self._tables[size].fill([parts[place] for place in chosen], [drawn[place] for place in chosen])
        for rows, values in zip(parts, drawn, strict=True):
            self._run(len(rows), tuple(None if isinstance(value, Tensor) else value for value in values))
        results = [self._tables[size].results() for size in sizes]
        losses, rights = (torch.cat(column) for column in zip(*results, strict=True))
        return losses, rights

    def _run(self, size: int, words: Drawn) -> None:
        kind = (size, words)
        if kind in self._replays:
            return self._replays[kind]()
        run = functools.partial(self._tables[size].run, words)
        if self._recorder is None:
            return run()
        self._seen[kind] += 1
        if self._seen[kind] < WARM_UP:
            with self._recorder.apart():
                return run()
        if self._seen[kind] == WARM_UP:
            with self._recorder.apart(), hindrances() as found:
                run()
            return self._give_up(found[0]) if found else None
        try:
            replay = self._recorder.record(run)
        except Exception as error:  # of whichever type torch's version has it: the step is yet to be done
            reason = str(error.__context__ or error).partition("\n")[0]
        else:
            if self._is_true(run, replay, self._tables[size].state()):
                self._replays[kind] = replay
            else:
                self._give_up("the graph of a step gives other numbers than the step")
            return None
        self._give_up(reason)  # not while the error holds what the step had made
        return run()

    @torch.no_grad()
    def _is_true(self, run: Callable[[], None], replay: Callable[[], None], state: list[Tensor]) -> bool:
        """Whether a graph does what the step does, which is done once for it: nobody else would notice."""
        assert self._recorder is not None
        before = [value.clone() for value in state]
        rewind = self._recorder.random_state()
        replayed: list[Tensor] = []
        with contextlib.suppress(Exception):  # a graph that can't be launched gives nothing
            replay()
            replayed = [value.clone() for value in state]
        for value, old in zip(state, before, strict=True):
            value.copy_(old)
        rewind()
        with self._recorder.apart(), torch.enable_grad():
            run()
        if not replayed:
            return False
        moves, apart = _distances(state, before), _distances(state, replayed)
        sizes = _distances(state)
        return bool((apart <= TOLERANCE * moves + ROUNDING * sizes).all())

    def _give_up(self, reason: str) -> None:
        """Runs all steps one by one: what was captured may not share its generator with the others now."""
        self._recorder = None
        self._replays.clear()
        warnings.warn(NotCapturedWarning(reason), stacklevel=2)

    def close(self) -> None:
        """Leaves what the graphs hold to others."""
        self._replays.clear()
        give_memory_back(self._device)


def _distances(some: list[Tensor], others: list[Tensor] | None = None) -> Tensor:
    """How far tensors are from others, pair by pair, or from 0; in few launches."""
    vectors = tuple(value.float() for value in some)
    if others is not None:
        vectors = torch._foreach_sub(vectors, tuple(value.float() for value in others))
    return torch.stack(torch._foreach_norm(vectors))


@contextlib.contextmanager
def hindrances() -> Iterator[list[str]]:
    """What a block of code does that a graph could not repeat, known at its end.

    That is: it waits for the device, or draws random numbers on the processor.
    """
    found: list[str] = []
    cuda = torch.cuda.is_available()
    before, mode = _host_random_states(), torch.cuda.get_sync_debug_mode() if cuda else 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if cuda:
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            if cuda:
                torch.cuda.set_sync_debug_mode(mode)
    waits = [warning for warning in caught if "synchroniz" in str(warning.message).lower()]
    if any("prototype" not in str(warning.message) for warning in waits):
        found.append("a step waits for the GPU, as .item() does")
    if _host_random_states() != before:
        found.append("a step draws random numbers on the processor")
    for warning in caught:
        if warning not in waits:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _host_random_states() -> tuple[Hashable, ...]:
    numpy = np.random.get_state()  # noqa: NPY002 (others may draw from it)
    keys: tuple[Hashable, ...] = (numpy[1].tobytes(), numpy[2])  # type: ignore[index]
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), *keys
