"""Where the numbers of a view come from: a network and its inputs, or features that somebody has."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from alframe.contract.needs import DROPOUT_WANTED
from alframe.contract.views import Rows, RowsInFiles
from alframe.data.samples import Samples
from alframe.errors import UsageError
from alframe.learning.posterior import SharedMasks, dropping_layers
from alframe.networks.classifier import Classifier
from alframe.ops.blocks import BATCH_SIZE, rows_per_block, rows_per_pass
from alframe.ops.dropout import dropout_mask
from alframe.seeds import derive, global_stream

NO_NETWORK = (
    "this strategy needs the network and its inputs, and a query on features has neither: "
    "use alframe.ActiveLearner or `alframe run`"
)


NO_COMMITTEE = (
    "this strategy asks several trained networks, and there is one: `--train ensemble`, or with "
    "`--train linear-probe` also `-o linear-probe.members=5`"
)
HEAD = "head."
Members = Sequence[Mapping[str, Tensor]]


def members_of(state: Mapping[str, Any]) -> Members:
    """Weights of a committee's members; none where a trainer keeps no committee in its ``ctx.state``."""
    kept = state.get("members")
    if not isinstance(kept, list) or not all(isinstance(one, dict) and one for one in kept):
        return ()
    tensors = all(isinstance(value, Tensor) for one in kept for value in one.values())
    return kept if tensors else ()


class NetworkRows:
    """Rows that a network computes from inputs in memory.

    Args:
        model: the network, in evaluation mode.
        samples: all ``M`` samples.
        positions: ``n`` of them to look at.
        seed: seed of the dropout masks of Monte Carlo passes.
        known: features of all samples, ``M x D``, where the body stays as it is.
        members: weights of each member of a committee: the head's alone, or the whole network's.
        fixed: fixed features of all samples, ``M x D``, where there are any beside the network's.
        held: gives features of all samples where somebody keeps them as long as the network is the same.
    """

    def __init__(
        self,
        model: Classifier,
        samples: Samples,
        positions: Tensor,
        seed: int,
        known: Tensor | None = None,
        members: Members = (),
        fixed: Tensor | None = None,
        held: Callable[[], Tensor] | None = None,
    ) -> None:
        self._held = held
        self._members = members
        self._fixed = fixed
        self._model = model
        self._samples = samples
        self._positions = positions
        self._seed = seed
        self._known = known
        self._features: Tensor | None = None
        self._whole: tuple[NetworkRows, slice | Tensor] | None = None

    def __len__(self) -> int:
        return len(self._positions)

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """Batches of network inputs, in order."""
        for rows in self._positions.split(batch_size):
            yield self._samples.batch(rows)

    def samples(self) -> Samples:
        """The samples themselves, as they are stored."""
        return self._samples.subset(self._positions)

    def _rows_per_pass(self) -> int:
        return rows_per_pass(self._samples.stored[:1].numel(), self._samples.device)

    @torch.no_grad()
    def features(self) -> Tensor:
        """Features of all rows, ``n x D``; computed once, whichever of a query's views ask."""
        if self._features is None:
            if self._whole is not None:
                whole, rows = self._whole
                self._features = whole.features()[rows]
            elif self._known is not None:
                self._features = self._known[self._positions]
            elif self._held is not None:
                self._features = self._held()[self._positions]
            else:
                self._features = torch.cat(
                    [self._model.features(x) for x in self.inputs(self._rows_per_pass())]
                )
        return self._features

    def part(self, rows: slice | Tensor) -> NetworkRows:
        """Some of the rows; features are computed once, for all rows."""
        part = copy.copy(self)
        part._positions, part._features, part._whole = self._positions[rows], None, (self, rows)
        return part

    def beside(self, other: Rows) -> NetworkRows:
        """These rows, and after them others of the same samples."""
        both = copy.copy(self)
        both._positions, both._features, both._whole = (
            torch.cat([self._positions, other.positions()]),
            None,
            None,
        )
        return both

    def points(self) -> Tensor:
        """The features."""
        return self.features()

    def fixed(self) -> Tensor | None:
        """The fixed features, ``n x D``; None where there are none beside the network's."""
        return None if self._fixed is None else self._fixed[self._positions]

    @property
    def is_fixed(self) -> bool:
        """Whether there are fixed features, or the body stays as it is."""
        return self._fixed is not None or self._known is not None

    def positions(self) -> Tensor:
        """Positions of the rows among all samples."""
        return self._positions

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Logits of a block of features."""
        logits: Tensor = self._model.head(features)
        return logits

    def mc_probs(self, steps: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """Monte Carlo dropout passes; only Dropout layers change mode, batch statistics do not move."""
        if self._voters:
            yield from self.member_probs(steps)
            return
        layers = self._model.dropout_layers()
        if not layers:
            raise UsageError(f"Monte Carlo dropout needs a network with dropout: {DROPOUT_WANTED}")
        same_features = set(self._model.body.modules()).isdisjoint(layers)
        streams = [_Masks(self._seed, step, self._samples.device) for step in steps]
        blocks = (
            _blocks(self.features(), self.logits) if same_features else self.inputs(self._rows_per_pass())
        )
        for block in blocks:
            yield (self._mc_pass(block, same_features, layers, stream) for stream in streams)

    @property
    def members(self) -> int:
        """How many networks a committee has; 0 where there is none."""
        return len(self._members) or self._voters

    @property
    def _voters(self) -> int:
        """How many members an ensemble has that is in the network's place."""
        return getattr(self._model.head, "members", 0)

    def member_probs(self, which: range) -> Iterator[Iterator[Tensor]]:
        """Some members' probabilities of each block of rows."""
        if not self._members and (voters := self._voters):
            if which.stop > voters:
                raise UsageError(f"{which.stop} posterior samples were asked for, and there are {voters}")
            head: Any = self._model.head
            for block in _blocks(self.features(), self.logits):
                yield (head.member_probs(member, block) for member in which)
            return
        if not self._members:
            raise UsageError(NO_COMMITTEE)
        device, chosen = self._samples.device, [self._members[member] for member in which]
        members = [{name: value.to(device) for name, value in one.items()} for one in chosen]
        heads = all(name.startswith(HEAD) for one in members for name in one)
        module: torch.nn.Module = self._model.head if heads else self._model
        if heads:
            members = [{name.removeprefix(HEAD): value for name, value in one.items()} for one in members]
        blocks = _blocks(self.features(), self.logits) if heads else self.inputs(self._rows_per_pass())
        for block in blocks:
            yield (_probs_of(module, member, block) for member in members)

    def sample_probs(self, which: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """Members of a committee, or the network with masks that all rows share."""
        if self.members:
            yield from self.member_probs(which)
            return
        layers = dropping_layers(self._model)
        same_features = set(self._model.body.modules()).isdisjoint(layers)
        samples = [SharedMasks(self._seed, sample) for sample in which]
        blocks = (
            _blocks(self.features(), self.logits) if same_features else self.inputs(self._rows_per_pass())
        )
        for block in blocks:
            yield (self._sampled(block, same_features, layers, masks) for masks in samples)

    @torch.no_grad()
    def _sampled(
        self, block: Tensor, of_features: bool, layers: list[torch.nn.Module], masks: SharedMasks
    ) -> Tensor:
        """Probabilities of a block of features, or else of inputs."""
        with masks.in_force(layers, len(block)):
            logits = self._model.head(self._model.dropout(block)) if of_features else self._model(block)
        return torch.softmax(logits, dim=1)

    @torch.no_grad()
    def _mc_pass(
        self, block: Tensor, of_features: bool, layers: list[torch.nn.Module], stream: _Masks
    ) -> Tensor:
        """Probabilities of a block of features, or else of inputs."""
        for layer in layers:
            layer.train()
        try:
            with stream.going_on():
                if not of_features:
                    return torch.softmax(self._model(block), dim=1)
                rate = self._model.dropout.p if self._model.dropout.training else 0.0
                return torch.softmax(self._model.head(_dropped(block, rate)), dim=1)
        finally:
            for layer in layers:
                layer.eval()


class FeatureRows:
    """Rows whose features somebody already has.

    Args:
        features: ``n x D`` tensor, or rows in files.
        head: maps features to logits, or None.
        seed: seed of the dropout masks of Monte Carlo passes.
        largest: largest magnitude of a feature, as far as it is known.
        first: position of the first row, where another view's rows come before; or of each of them.
    """

    is_fixed = False

    def __init__(
        self,
        features: Tensor | RowsInFiles,
        head: torch.nn.Module | None,
        seed: int = 0,
        largest: float = 0.0,
        first: int | Tensor = 0,
    ) -> None:
        self._first = first
        self._features = features
        self._largest = largest
        self._head = head
        self._seed = seed

    def __len__(self) -> int:
        return len(self._features)

    @property
    def in_files(self) -> bool:
        """Whether the features are read when they are looked at."""
        return not isinstance(self._features, Tensor)

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """There are none."""
        raise UsageError(NO_NETWORK)

    def samples(self) -> Samples:
        """There are none."""
        raise UsageError(NO_NETWORK)

    def features(self) -> Tensor | RowsInFiles:
        """The features, ``n x D``."""
        return self._features

    def part(self, rows: slice | Tensor) -> FeatureRows:
        """Some of the rows; those of a pool in files are read now.

        Raises:
            UsageError: these take more memory than the pool may have.
        """
        if isinstance(rows, Tensor) and not isinstance(self._features, Tensor):
            _require_memory(self._features, len(rows))
        return FeatureRows(self._features[rows], self._head, self._seed, self._largest, self._places(rows))

    def beside(self, other: Rows) -> FeatureRows:
        """These rows, and after them others.

        Raises:
            UsageError: these are in files.
        """
        if not isinstance(self._features, Tensor):
            raise UsageError(
                "this strategy keeps away from its own picks, which it can't of a pool in files: ask about a "
                "part of the pool that fits into memory"
            )
        later = other.features()
        features = torch.cat([self._features, later if isinstance(later, Tensor) else later.whole()])
        places = torch.cat([self.positions(), other.positions()])
        return FeatureRows(features, self._head, self._seed, self._largest, places)

    def _places(self, rows: slice | Tensor) -> int | Tensor:
        """The position of the first of some rows, or of each of them."""
        if isinstance(rows, slice) and rows.step in (None, 1) and not isinstance(self._first, Tensor):
            return self._first + range(len(self))[rows].start
        return self.positions()[rows]

    def points(self) -> Tensor | RowsInFiles:
        """The features.

        Raises:
            UsageError: they are so large that there are no distances between them.
        """
        if too_large := without_distances(self._largest, self._features.shape[1]):
            raise UsageError(too_large)
        return self._features

    def fixed(self) -> None:
        """None beside the features, which nothing trains."""

    def positions(self) -> Tensor:
        """As the rows stand."""
        if isinstance(self._first, Tensor):
            return self._first
        return torch.arange(self._first, self._first + len(self), device=self._features.device)

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Logits of a block of features."""
        if self._head is None:
            raise UsageError(
                "this strategy needs predictions: pass head=(W, b), the network's last linear layer, or a "
                "fitted classifier, or probs="
            )
        logits: Tensor = self._head(features)
        return logits

    def mc_probs(self, steps: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """Passes of the head on features of which a share of ``dropout`` is dropped."""
        device = self._features.device
        masks = [torch.Generator(device).manual_seed(derive(self._seed, "dropout", step)) for step in steps]
        for block in _blocks(self._features, self.logits):
            yield (self.logits(_dropped(block, dropout, mask)).softmax(dim=1) for mask in masks)

    def sample_probs(self, which: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """The head on features of which the same share of ``dropout`` is dropped in all rows."""
        samples = [SharedMasks(self._seed, sample) for sample in which]
        for block in _blocks(self._features, self.logits):
            yield (self.logits(masks.drop(block, dropout)).softmax(dim=1) for masks in samples)

    @property
    def members(self) -> int:
        """There is one head at most."""
        return 0

    def member_probs(self, which: range) -> Iterator[Iterator[Tensor]]:
        """There are none."""
        raise UsageError(
            "this strategy asks several models, and here is one head at most: pass probs=[T, N, C], the "
            "probabilities of T of them, or as head a list of fitted classifiers, or a forest; or use "
            "alframe.ActiveLearner or `alframe run`"
        )


def _require_memory(features: RowsInFiles, count: int) -> None:
    """Raises `UsageError` where some rows of a pool in files take more than it may."""
    if 4 * count * features.shape[1] > features.memory:
        raise UsageError(
            f"this strategy works on {count} rows of a pool in files, more than memory allows: allow more, "
            "or take a strategy that works by blocks, as margin, entropy, coreset and badge do"
        )


@torch.no_grad()
def _probs_of(module: torch.nn.Module, weights: Mapping[str, Tensor], block: Tensor) -> Tensor:
    logits: Tensor = torch.func.functional_call(module, dict(weights), (block,))
    return logits.softmax(dim=1)


class _Masks:
    """The stream of a pass's dropout masks in torch's global state, which is left and gone on with.

    Args:
        seed: seed of the passes.
        step: number of the pass.
        device: where the masks are drawn.
    """

    def __init__(self, seed: int, step: int, device: torch.device) -> None:
        self._names = (seed, "dropout", step)
        self._device = device
        self._state: tuple[Tensor, Tensor | None] | None = None

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Sets the global state to where the stream is, and back after the block of code."""
        on_cuda = self._device.type == "cuda"
        with global_stream(*self._names, device=self._device):
            if self._state is not None:
                torch.default_generator.set_state(self._state[0])
                if self._state[1] is not None:
                    torch.cuda.set_rng_state(self._state[1], self._device)
            yield
            of_device = torch.cuda.get_rng_state(self._device) if on_cuda else None
            self._state = torch.default_generator.get_state(), of_device


def _blocks(features: Tensor | RowsInFiles, logits: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
    """Blocks of a bounded size, also as logits; of four rows or more, for `dropout_mask` draws four at once.

    So the numbers that are drawn do not depend on the size of blocks.
    """
    classes = logits(features[:1]).shape[1] if len(features) > BATCH_SIZE else 0
    size = rows_per_block(max(features.shape[1], classes), features.device)
    size = max(4, size // 4 * 4)
    for start in range(0, max(1, len(features)), size):
        yield features[start : start + size]


def without_distances(largest: float, columns: int) -> str:
    """Why there are no distances between features in float32; "" where there are.

    Args:
        largest: largest magnitude of a feature.
        columns: how many features a sample has.
    """
    if columns * largest**2 < torch.finfo(torch.float32).max:
        return ""
    return (
        f"features are as large as {largest:g}, and squares of their distances are beyond float32's range: "
        "divide all features by one number"
    )


def _dropped(block: Tensor, rate: float, generator: torch.Generator | None = None) -> Tensor:
    """The block with a share of its numbers dropped; on the CPU several times faster than torch's dropout."""
    return block if rate == 0 else dropout_mask(block, rate, generator).mul_(block).div_(1 - rate)
