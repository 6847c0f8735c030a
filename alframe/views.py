"""What a strategy sees of the samples: lazy views, computed once a round, in batches, on the device.

A view of the pool holds no labels: there is nothing to leak.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from alframe.data.samples import Samples
from alframe.errors import AlframeError, UsageError
from alframe.networks.classifier import Classifier
from alframe.ops.blocks import BATCH_SIZE, by_blocks
from alframe.ops.dropout import dropout_mask
from alframe.ops.geometry import Geometry
from alframe.seeds import global_stream

NO_NETWORK = (
    "this strategy needs the network and its inputs, and a query on features has neither: "
    "use alframe.ActiveLearner or `alframe run`"
)


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

    def logits(self, features: Tensor) -> Tensor:
        """``n x C`` logits of a block of features."""
        ...

    def mc_probs(self, features: Callable[[], Tensor], step: int, dropout: float) -> Tensor:
        """``n x C`` probabilities of one pass with dropout; ``features()`` gives the cached ones."""
        ...


class NetworkRows:
    """Rows that a network computes from inputs in memory.

    Args:
        model: the network, in evaluation mode.
        samples: all ``M`` samples.
        positions: ``n`` of them to look at.
        seed: seed of the dropout masks of Monte Carlo passes.
        known: features of all samples, ``M x D``, where the body stays as it is.
    """

    def __init__(
        self,
        model: Classifier,
        samples: Samples,
        positions: Tensor,
        seed: int,
        known: Tensor | None = None,
    ) -> None:
        self._model = model
        self._samples = samples
        self._positions = positions
        self._seed = seed
        self._known = known
        self._features: Tensor | None = None

    def __len__(self) -> int:
        return len(self._positions)

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """Batches of network inputs, in order."""
        for rows in self._positions.split(batch_size):
            yield self._samples.batch(rows)

    def samples(self) -> Samples:
        """The samples themselves, as they are stored."""
        return self._samples.subset(self._positions)

    @torch.no_grad()
    def features(self) -> Tensor:
        """Features of all rows, ``n x D``; computed once, whichever of a query's views ask."""
        if self._features is None:
            if self._known is not None:
                self._features = self._known[self._positions]
            else:
                self._features = torch.cat([self._model.features(x) for x in self.inputs(BATCH_SIZE)])
        return self._features

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Logits of a block of features."""
        logits: Tensor = self._model.head(features)
        return logits

    @torch.no_grad()
    def mc_probs(self, features: Callable[[], Tensor], step: int, dropout: float) -> Tensor:
        """One Monte Carlo dropout pass; only Dropout layers change mode, batch statistics do not move."""
        layers = self._model.dropout_layers()
        if not layers:
            raise UsageError(
                "Monte Carlo dropout needs a network with dropout: "
                "one with a Dropout layer whose rate is above 0, e.g. `-o model.dropout=0.5`"
            )
        same_features = set(self._model.body.modules()).isdisjoint(layers)
        for layer in layers:
            layer.train()
        try:
            with global_stream(self._seed, "dropout", step, device=self._samples.device):
                if same_features:
                    head = self._model.head
                    rate = self._model.dropout.p if self._model.dropout.training else 0.0
                    return by_blocks(lambda block: head(_dropped(block, rate)).softmax(dim=1), features())
                return torch.cat([self._model(batch).softmax(dim=1) for batch in self.inputs(BATCH_SIZE)])
        finally:
            for layer in layers:
                layer.eval()


class FeatureRows:
    """Rows whose features somebody already has.

    Args:
        features: ``n x D`` tensor.
        head: maps features to logits, or None.
        seed: seed of the dropout masks of Monte Carlo passes.
    """

    def __init__(self, features: Tensor, head: torch.nn.Module | None, seed: int = 0) -> None:
        self._features = features
        self._head = head
        self._seed = seed

    def __len__(self) -> int:
        return len(self._features)

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """There are none."""
        raise UsageError(NO_NETWORK)

    def samples(self) -> Samples:
        """There are none."""
        raise UsageError(NO_NETWORK)

    def features(self) -> Tensor:
        """The features, ``n x D``."""
        return self._features

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Logits of a block of features."""
        if self._head is None:
            raise UsageError("this strategy needs logits: pass head=(W, b), the network's last linear layer")
        logits: Tensor = self._head(features)
        return logits

    @torch.no_grad()
    def mc_probs(self, features: Callable[[], Tensor], step: int, dropout: float) -> Tensor:
        """One pass of the head on features of which a share of ``dropout`` is dropped."""
        with global_stream(self._seed, "dropout", step, device=self._features.device):
            return by_blocks(lambda block: self.logits(_dropped(block, dropout)).softmax(dim=1), features())


def _dropped(block: Tensor, rate: float) -> Tensor:
    """The block with a share of its numbers dropped; on the CPU several times faster than torch's dropout."""
    return block if rate == 0 else dropout_mask(block, rate).mul_(block).div_(1 - rate)


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
        return self._rows.features()

    @functools.cached_property
    def logits(self) -> Tensor:
        """``n x C`` tensor of logits."""
        return by_blocks(self._rows.logits, self.features)

    @functools.cached_property
    def probs(self) -> Tensor:
        """``n x C`` tensor of class probabilities."""
        if "logits" in self.__dict__:
            return by_blocks(lambda block: block.softmax(dim=1), self.logits)
        # the logits are not kept: they take as much memory again
        return by_blocks(lambda block: self._rows.logits(block).softmax(dim=1), self.features)

    def mc_probs(self, passes: int, dropout: float = 0.5) -> Iterator[Tensor]:
        """Class probabilities under Monte Carlo dropout, one ``n x C`` tensor a pass, never kept.

        Args:
            passes: number of passes, each with its own dropout masks.
            dropout: share of the features dropped in `alframe.query`; a network's layers keep their own.

        Raises:
            UsageError: the network has no dropout.
        """
        for step in range(passes):
            yield self._rows.mc_probs(lambda: self.features, step, dropout)

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
