"""A pool in files as a matrix whose rows are read when a strategy looks at them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from alframe.contract.views import Rows
from alframe.data.shards import Shards
from alframe.errors import UsageError
from alframe.ops.blocks import BATCH_SIZE, row_blocks, rows_per_block
from alframe.ops.crew import counted_so_far, over_rows
from alframe.ops.lazy import LazyRows

GB = 10**9
SCORED = 16 * BATCH_SIZE  # rows of a view that is scored by itself, at least


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a query read of a pool in files.

    Attributes:
        rows: rows that were read, each as often as it was.
        bytes: their bytes in the files.
        passes: rows read, as a multiple of the pool's.
        passes_skipped: passes that were not needed, because bounds that were known of rows were enough.
        workers: processes that read, besides who asked.
        workers_lost: those that died; others have read what they should.
    """

    rows: int
    bytes: int
    passes: float
    passes_skipped: float = 0.0
    workers: int = 0
    workers_lost: int = 0


class StoredRows(LazyRows):
    """An ``n x d`` matrix of features in files, float32 on the device; none is kept.

    Args:
        shards: the files.
        device: where rows are wanted.
        memory: bytes that may be held at once of what is as long as the pool.
    """

    def __init__(self, shards: Shards, device: torch.device, memory: float) -> None:
        self._shards = shards
        self._to = device
        self.memory = memory
        super().__init__(self._read, len(shards), most=0)

    def _read(self, positions: Tensor | slice) -> Tensor:
        if isinstance(positions, Tensor):
            block = self._shards.at(positions.cpu().numpy())
        else:
            rows = range(len(self._shards))[positions]
            if rows.step == 1:
                block = self._shards.between(rows.start, max(rows.start, rows.stop))
            else:
                block = self._shards.at(np.asarray(rows, dtype=np.int64))
        return torch.from_numpy(block).to(self._to).float()

    def split(self, size: int) -> Iterator[Tensor]:
        """Blocks of ``size`` rows, as `torch.Tensor.split` gives them."""
        for start in range(0, max(1, len(self)), size):
            yield self[start : start + size]

    def numel(self) -> int:
        """How many numbers may be kept of what is made of them: none on their account."""
        return 0

    def whole(self) -> Tensor:
        """All rows in memory.

        Raises:
            UsageError: they take more than may be held.
        """
        self.require(self.shape[1], "features")
        return self[:]

    def require(self, columns: int, what: str) -> None:
        """Raises `UsageError` where a matrix with a row for each of the pool's can't be held.

        Args:
            columns: how many it has, of float32.
            what: what they are, for the message.
        """
        needed = 4 * len(self) * columns
        if needed > self.memory:
            raise UsageError(
                f"this strategy looks at the whole pool's {what} at once, {_size(needed)} in float32, and "
                f"memory allows {_size(self.memory)}: allow more, ask about a part of the pool, or take a "
                "strategy that works by blocks, as margin, entropy, coreset and badge do"
            )

    def largest(self, name: str) -> float:
        """The largest magnitude; one pass over the files.

        Raises:
            UsageError: some number is NaN, or infinite in float32; the message has its file and row.
        """
        blocks = row_blocks(len(self), self.shape[1], self.device)
        return max((most for _, most in over_rows(_largest, self, name, blocks)), default=0.0)

    def where(self, row: int) -> str:
        """In which file a row lies, and at which place."""
        return self._shards.where(row)

    def require_unchanged(self) -> None:
        """Raises `DamagedFileError` where a file is another than it was."""
        self._shards.require_unchanged()

    def reading(self) -> Reading:
        """What was read so far, by a query's workers, too.

        Raises:
            DamagedFileError: a file was changed meanwhile.
        """
        self._shards.require_unchanged()
        counted = counted_so_far() or {"rows": self._shards.rows_read, "bytes": self._shards.bytes_read}
        whole = max(1, len(self))
        return Reading(
            rows=int(counted.get("rows", 0)),
            bytes=int(counted.get("bytes", 0)),
            passes=counted.get("rows", 0) / whole,
            passes_skipped=counted.get("skipped", 0) / whole,
            workers=int(counted.get("workers", 0)),
            workers_lost=int(counted.get("workers_lost", 0)),
        )


def _largest(stored: StoredRows, name: str, rows: slice) -> float:
    """The largest magnitude of a block; 0 of an empty one."""
    block = stored[rows]
    if not block.numel():
        return 0.0
    low, high = (float(end) for end in block.aminmax())
    if not (abs(low) < torch.inf and abs(high) < torch.inf):  # False of NaN
        row, column = (~block.isfinite()).nonzero()[0].tolist()
        raise UsageError(
            f"{name} contain NaN or infinite values in float32, the first in "
            f"{stored.where(rows.start + row)}, column {column}"
        )
    return max(-low, high)


def is_in_files(rows: Rows) -> bool:
    """Whether a view's features are in files; those that a network computes are not made to find out."""
    return bool(getattr(rows, "in_files", False))


def blocks_to_score(rows: Rows) -> Iterator[slice]:
    """Blocks of a pool in files, each a view of its own to a scorer that looks at each row alone.

    A view computes logits in blocks of `rows_per_block`. These are multiples of them, and the last is no
    shorter than the others: so each logit is computed beside the same others as in one view of all, to the
    last bit.

    Args:
        rows: of the pool.
    """
    features = rows.features()
    width = features.shape[1]
    with contextlib.suppress(UsageError):  # there is no head: a scorer of features alone
        width = max(width, rows.logits(features[:1]).shape[1])
    size = rows_per_block(width, features.device)
    size *= -(-SCORED // size)
    count = max(1, len(rows) // size)
    for block in range(count):
        yield slice(block * size, len(rows) if block == count - 1 else (block + 1) * size)


def _size(count: float) -> str:
    return f"{count / GB:,.1f} GB" if count >= GB / 10 else f"{count / 10**6:,.1f} MB"
