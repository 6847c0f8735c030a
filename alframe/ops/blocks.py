"""Work on many rows block by block, so that temporary memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

BATCH_SIZE = 1024  # samples that pass through the network at once
MOST_PASSED = 1 << 14  # the same on a GPU, where samples are small
PASSED_ELEMENTS = (
    1 << 22
)  # numbers of the samples that pass a GPU at once: what layers hold is several times that
BLOCK_ELEMENTS = 1 << 20  # numbers a block; 4 MB of float32 stays in the cache of a CPU
CUDA_BLOCK_ELEMENTS = 1 << 27  # a GPU wants large products: 512 MB


def rows_per_block(width: int, device: torch.device, elements: int | None = None) -> int:
    """How many rows make a block of bounded size, at least one.

    Args:
        width: numbers that are held at once for each row.
        device: where they are held; blocks are larger on a GPU.
        elements: numbers of a block on the CPU, where the usual number does not suit.
    """
    limit = CUDA_BLOCK_ELEMENTS if device.type == "cuda" else elements or BLOCK_ELEMENTS
    return max(1, limit // max(1, width))


def rows_per_pass(width: int, device: torch.device) -> int:
    """How many samples pass through a network at once.

    A GPU takes as long to start the kernels of a batch as to compute them for thousands of small samples.

    Args:
        width: numbers of a sample.
        device: where the network is.
    """
    if device.type != "cuda":
        return BATCH_SIZE
    return min(MOST_PASSED, max(BATCH_SIZE, PASSED_ELEMENTS // max(1, width)))


def row_blocks(rows: int, width: int, device: torch.device, elements: int | None = None) -> Iterator[slice]:
    """Cuts ``rows`` rows into blocks of `rows_per_block`; there is at least one block, be it empty."""
    size = rows_per_block(width, device, elements)
    for start in range(0, max(1, rows), size):
        yield slice(start, min(start + size, rows))


def by_blocks(
    function: Callable[[Tensor], Tensor], rows: Any, elements: int | None = None, width: int = 0
) -> Tensor:
    """``function(rows)``, computed block by block.

    Args:
        function: maps ``b x ...`` rows to ``b x ...`` results, each row on its own.
        rows: ``n x ...`` tensor, or `LazyRows`.
        elements: numbers of a block on the CPU, where the usual number does not suit.
        width: numbers that ``function`` holds for each row, where they are more than a row has.

    Example:
        >>> by_blocks(lambda block: block.sum(dim=1), torch.ones(4, 3)).tolist()
        [3.0, 3.0, 3.0, 3.0]
    """
    size = rows_per_block(max(width, rows[:1].numel()), rows.device, elements)
    if len(rows) <= size:
        return function(rows if isinstance(rows, Tensor) else rows[:])
    return joined((function(block) for block in rows.split(size)), len(rows))


def joined(parts: Iterator[Tensor], rows: int) -> Tensor:
    """The parts one below the other, as `torch.cat` gives them, of which one at a time is held.

    Args:
        parts: ``b x ...`` tensors, at least one.
        rows: how many rows they have together.
    """
    whole: Tensor | None = None
    start = 0
    for part in parts:
        if len(part) == rows:
            return part
        if whole is None:  # filled in place: concatenating would hold the result twice
            whole = part.new_empty((rows, *part.shape[1:]))
        whole[start : start + len(part)] = part
        start += len(part)
    assert whole is not None
    assert start == rows
    return whole


def rows_asked_for(which: Any, size: int) -> Tensor | slice:
    """Positions of rows, or a slice of them.

    Args:
        which: int64 positions, a boolean for each row, or a slice.
        size: how many rows there are.

    Raises:
        TypeError: anything else.
        IndexError: booleans of another number.
    """
    if isinstance(which, slice):
        return which
    if not isinstance(which, Tensor) or which.dim() != 1 or which.dtype not in (torch.int64, torch.bool):
        raise TypeError("a part of a view is asked for by int64 positions, booleans, or a slice")
    if which.dtype != torch.bool:
        return which
    if len(which) != size:
        raise IndexError(f"of {size} rows {len(which)} booleans can't ask for a part")
    return which.nonzero()[:, 0]
