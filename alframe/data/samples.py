"""Stored samples, and the batches of network inputs that are made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from alframe.data.image_files import ImageFiles

Transform = Callable[[Tensor], Tensor]
KEPT_BYTES = 1 << 30  # network inputs of a labelled set are made once, not in each epoch, up to this size


def as_float32(batch: Tensor) -> Tensor:
    """Network inputs of numbers that are stored in half precision."""
    return batch.to(torch.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Samples as they are stored, on any device, and how they become network inputs.

    Args:
        stored: ``n x ...`` tensor.
        device: where network inputs are wanted.
        transform: makes network inputs of a batch of it; None where it holds them.
    """

    stored: Tensor
    device: torch.device
    transform: Transform | None = None

    def __len__(self) -> int:
        return len(self.stored)

    def subset(self, rows: Tensor) -> Samples:
        """A copy of some of the samples."""
        return dataclasses.replace(self, stored=self.stored[rows.to(self.stored.device)])

    def batch(self, rows: Tensor, augment: Transform | None = None) -> Tensor:
        """Network inputs of some of the samples, on the device.

        Args:
            rows: ``b`` positions.
            augment: changes the stored batch before network inputs are made of it.
        """
        stored = self.stored.index_select(0, rows.to(self.stored.device)).to(
            self.device
        )  # faster than [rows]
        if augment is not None:
            stored = augment(stored)
        return self._made(stored)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Network inputs of one list of positions after the other, as `batch` makes each.

        Images in files are read ahead.

        Args:
            parts: ``b`` positions each.
        """
        if isinstance(self.stored, ImageFiles):
            yield from (self._made(stored.to(self.device)) for stored in self.stored.blocks(parts))
        else:
            yield from map(self.batch, parts)

    def _made(self, stored: Tensor) -> Tensor:
        return stored if self.transform is None else self.transform(stored)

    def near(self) -> Samples:
        """The samples on the device, where they are small enough to be kept there; otherwise no change."""
        if self.stored.device == self.device or self.stored.nbytes > KEPT_BYTES:
            return self
        return dataclasses.replace(self, stored=self.stored.to(self.device))

    def made(self) -> Samples:
        """The network inputs themselves, where they are small enough to be kept; otherwise no change."""
        if self.transform is None or self.stored.numel() * torch.float32.itemsize > KEPT_BYTES:
            return self
        return Samples(self.transform(self.stored.to(self.device)), self.device)
