"""A pool in files as a matrix whose rows are read when a strategy looks at them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.contract.views import Rows
from alframe.data.holes import Holes, ShardsWithout
from alframe.data.shards import Shards
from alframe.errors import UsageError
from alframe.ops.blocks import joined, row_blocks, rows_per_block
from alframe.ops.crew import counted_so_far, over_rows
from alframe.ops.lazy import LazyRows
from alframe.ops.machine import PeakMemory

GB = 10**9
SCORED = 1 << 22  # numbers of a view that is scored by itself: glibc keeps 16 MB for the next one, but not 32


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
        peak_memory: bytes of the process's resident memory that are no file's, the most that was seen while
            the strategy worked, Python and torch included; looked at every 20 ms. 0 where the system is not
            Linux.
        device_memory: bytes that torch allocated on a GPU, the most at a time; 0 on the CPU.
    """

    rows: int
    bytes: int
    passes: float
    passes_skipped: float = 0.0
    workers: int = 0
    workers_lost: int = 0
    peak_memory: int = 0
    device_memory: int = 0


class StoredRows(LazyRows):
    """An ``n x d`` matrix of features in files, float32 on the device; none is kept but the block read last.

    Args:
        shards: the files.
        device: where rows are wanted.
        memory: bytes that may be held at once of what is as long as the pool.
    """

    def __init__(self, shards: Shards | ShardsWithout, device: torch.device, memory: float) -> None:
        self._shards = shards
        self._to = device
        self.memory = memory
        self._latest: tuple[tuple[int, int], Tensor] | None = None
        super().__init__(self._read, len(shards), most=0)

    def __getstate__(self) -> dict[str, Any]:
        """For another process, and for matrices that are made of this one: the files are enough."""
        return vars(self) | {"_latest": None}

    def _read(self, positions: Tensor | slice) -> Tensor:
        if not isinstance(positions, Tensor):
            rows = range(len(self._shards))[positions]
            if rows.step == 1:
                return self._block(rows.start, max(rows.start, rows.stop))
            positions = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        chosen = positions.cpu().numpy()
        blocks = row_blocks(len(chosen), self._shards.shape[1], self._to)  # copies of each in three orders
        return joined((self._on_device(self._shards.at(chosen[block])) for block in blocks), len(chosen))

    def _block(self, start: int, stop: int) -> Tensor:
        """Rows that follow one another. A geometry of two factors asks for the same ones twice in a row."""
        if self._latest is not None and self._latest[0] == (start, stop):
            return self._latest[1]
        self._latest = None  # before the next one takes its memory
        block = self._on_device(self._shards.between(start, stop))
        if stop - start <= rows_per_block(self._shards.shape[1], self._to):
            self._latest = (start, stop), block
        return block

    def _on_device(self, block: Any) -> Tensor:
        return torch.from_numpy(block).to(self._to).float()

    def without(self, holes: Holes) -> StoredRows:
        """The same matrix without some rows."""
        assert isinstance(self._shards, Shards)
        return StoredRows(ShardsWithout(self._shards, holes), self._to, self.memory)

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


@contextlib.contextmanager
def memory_of(pool: Tensor | StoredRows | None, device: torch.device) -> Iterator[dict[str, int]]:
    """Fills in the memory that `Reading` has, when the block of code that it surrounds ends.

    Args:
        pool: nothing is measured where it is not in files.
        device: where the strategy works.
    """
    found: dict[str, int] = {}
    if not isinstance(pool, StoredRows):
        yield found
        return
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with PeakMemory() as peak:
        yield found
    found["peak_memory"] = peak.largest
    found["device_memory"] = torch.cuda.max_memory_allocated(device) if on_gpu else 0


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
    size *= max(1, SCORED // (size * width))
    count = max(1, len(rows) // size)
    for block in range(count):
        yield slice(block * size, len(rows) if block == count - 1 else (block + 1) * size)


def _size(count: float) -> str:
    return f"{count / GB:,.1f} GB" if count >= GB / 10 else f"{count / 10**6:,.1f} MB"
