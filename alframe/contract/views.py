"""What a strategy sees of the samples: lazy views, computed once a round, in batches, on the device.

A view of the pool holds no labels: there is nothing to leak.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from torch import Tensor

from alframe.data.samples import Samples
from alframe.errors import AlframeError
from alframe.ops.blocks import BATCH_SIZE, by_blocks
from alframe.ops.geometry import Geometry


class UnknownLabelsError(AlframeError):
    """A strategy asked for labels of the unlabelled pool."""


class Rows(Protocol):
    """Where a view's numbers come from."""

    def __len__(self) -> int: ...

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """Batches of network inputs, in order."""
        ...

    def samples(self) -> Samples:
        """The samples themselves, as they are stored."""
        ...

    def features(self) -> Tensor:
        """``n x D`` features."""
        ...

    def points(self) -> Tensor:
        """The features, for who looks at them and not at logits alone."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """``n x C`` logits of a block of features."""
        ...

    def mc_probs(self, features: Callable[[], Tensor], step: int, dropout: float) -> Tensor:
        """``n x C`` probabilities of one pass with dropout; ``features()`` gives the cached ones."""
        ...


class View:
    """Samples as a strategy sees them. Every tensor is computed when first read, then kept.

    Args:
        rows: where the numbers come from.
        embed: gives this view's embedding; None while the embedding itself is being made.
    """

    def __init__(self, rows: Rows, embed: Callable[[], Geometry] | None = None) -> None:
        self._rows = rows
        self._embed = embed

    def __len__(self) -> int:
        return len(self._rows)

    def inputs(self, batch_size: int = BATCH_SIZE) -> Iterator[Tensor]:
        """Batches of network inputs, in order: ``b x ...`` tensors on the device."""
        return self._rows.inputs(batch_size)

    def samples(self) -> Samples:
        """The samples as they are stored, with what makes network inputs of them."""
        return self._rows.samples()

    @functools.cached_property
    def features(self) -> Tensor:
        """``n x D`` tensor of features: what the network's body makes of the samples."""
        return self._rows.points()

    @functools.cached_property
    def logits(self) -> Tensor:
        """``n x C`` tensor of logits."""
        return by_blocks(self._rows.logits, self._rows.features())

    @functools.cached_property
    def probs(self) -> Tensor:
        """``n x C`` tensor of class probabilities."""
        if "logits" in self.__dict__:
            return by_blocks(lambda block: block.softmax(dim=1), self.logits)
        # the logits are not kept: they take as much memory again
        return by_blocks(lambda block: self._rows.logits(block).softmax(dim=1), self._rows.features())

    def mc_probs(self, passes: int, dropout: float = 0.5) -> Iterator[Tensor]:
        """Class probabilities under Monte Carlo dropout, one ``n x C`` tensor a pass, never kept.

        Args:
            passes: number of passes, each with its own dropout masks.
            dropout: share of the features dropped in `alframe.query`; a network's layers keep their own.

        Raises:
            UsageError: the network has no dropout.
        """
        for step in range(passes):
            yield self._rows.mc_probs(self._rows.features, step, dropout)

    @functools.cached_property
    def embedding(self) -> Geometry:
        """The samples as points with distances: what the embed stage made of them."""
        if self._embed is None:
            raise RuntimeError("an embedder can't read the embedding that it is asked to make")
        return self._embed()


class PoolView(View):
    """The unlabelled pool: ``N`` samples."""

    @property
    def targets(self) -> Any:
        """Nobody knows them: reading them raises `UnknownLabelsError`."""
        raise UnknownLabelsError("labels of the unlabelled pool are unknown: pool.targets can't be read")


class LabelledView(View):
    """The labelled set: ``L`` samples and their labels.

    Attributes:
        targets: ``L`` class numbers (int64).
    """

    def __init__(self, rows: Rows, targets: Tensor, embed: Callable[[], Geometry] | None = None) -> None:
        super().__init__(rows, embed)
        self.targets = targets
