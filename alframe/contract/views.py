"""What a strategy sees of the samples: lazy views, computed once a round, in batches, on the device.

A view of the pool holds no labels: there is nothing to leak.
"""

from __future__ import annotations

import collections
import copy
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor

from alframe.data.samples import Samples
from alframe.errors import AlframeError, UsageError
from alframe.ops import lazy
from alframe.ops.blocks import BATCH_SIZE, joined, row_blocks, rows_asked_for
from alframe.ops.crew import gathered, over_rows
from alframe.ops.geometry import Geometry
from alframe.ops.lazy import LazyRows

SHARE_KEPT = 16  # of the bytes that a pool in files may take, numbers that are kept: a quarter in float32
Numbers = Literal["features", "fixed", "logits", "probs"]
READ = ("features", "fixed", "positions", "logits", "probs")  # what a view keeps once it has been read


class UnknownLabelsError(AlframeError):
    """A strategy asked for labels of the unlabelled pool."""


class RowsInFiles(Protocol):
    """An ``n x D`` matrix in files, whose rows are read when they are asked for; it is a `LazyRows`, too."""

    shape: tuple[int, int]
    dtype: torch.dtype
    device: torch.device
    memory: float

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Tensor | slice) -> Tensor:
        """The rows at ``positions``, in that order, read now."""
        ...

    def numel(self) -> int:
        """How many numbers may be kept on their account."""
        ...

    def whole(self) -> Tensor:
        """All of them in memory, if they are allowed to take as much."""
        ...

    def require(self, columns: int, what: str) -> None:
        """Raises `UsageError` where ``n x columns`` numbers may not be held."""
        ...


class Rows(Protocol):
    """Where a view's numbers come from."""

    def __len__(self) -> int: ...

    def inputs(self, batch_size: int) -> Iterator[Tensor]:
        """Batches of network inputs, in order."""
        ...

    def samples(self) -> Samples:
        """The samples themselves, as they are stored."""
        ...

    def features(self) -> Tensor | RowsInFiles:
        """``n x D`` features."""
        ...

    def points(self) -> Tensor | RowsInFiles:
        """The features, for who looks at them and not at logits alone."""
        ...

    def fixed(self) -> Tensor | None:
        """``n x D`` features of another network, which nothing trains; None where nobody named one."""
        ...

    @property
    def is_fixed(self) -> bool:
        """Whether fixed features, be they this network's, are the same in all rounds."""
        ...

    def positions(self) -> Tensor:
        """``n`` positions of the samples in the data set, int64, on the device."""
        ...

    def beside(self, other: Rows) -> Rows:
        """These rows, and after them others of the same kind."""
        ...

    def part(self, rows: slice | Tensor) -> Rows:
        """Some of the rows, by int64 positions or a slice, with the numbers that they have here."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """``n x C`` logits of a block of features."""
        ...

    def mc_probs(self, steps: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """For one block of rows after another their ``b x C`` probabilities in passes with dropout.

        The numbers of a pass are the same whichever passes are asked for beside it, if all of each block's
        are taken before the next block.
        """
        ...

    @property
    def members(self) -> int:
        """How many networks a committee has; 0 where there is none."""
        ...

    def member_probs(self, which: range) -> Iterator[Iterator[Tensor]]:
        """For one block of rows after another their ``b x C`` probabilities by members of a committee."""
        ...

    def sample_probs(self, which: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """For one block of rows after another their ``b x C`` probabilities by posterior samples."""
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

    def __getitem__(self, which: Tensor | slice) -> Self:
        """A view of some of the samples, with the numbers that they have here; what is known is shared.

        Args:
            which: int64 positions, a boolean for each sample, or a slice.

        Raises:
            TypeError: anything else.
            IndexError: booleans of another number.
            UsageError: rows of a pool in files take more memory than it may have.
        """
        which = rows_asked_for(which, len(self))
        part = copy.copy(self)
        part._rows = self._rows.part(which)
        part.__dict__.pop("embedding", None)
        for name in READ:
            if name in self.__dict__:
                part.__dict__[name] = self.__dict__[name][which]
        if self._embed is not None:
            part._embed = lambda: self.embedding[which]
        return part

    def twin(self, embed: Callable[[], Geometry] | None) -> Self:
        """The same samples as another strategy sees them; for the engine.

        Args:
            embed: gives its embedding; None while that is being made.
        """
        twin = copy.copy(self)
        twin.__dict__.pop("embedding", None)
        twin._embed = embed
        return twin

    def take_over(self, twin: View) -> None:
        """Knows from now on what a twin has read; for the engine."""
        for name in READ:
            if name in twin.__dict__:
                self.__dict__.setdefault(name, twin.__dict__[name])

    def inputs(self, batch_size: int = BATCH_SIZE) -> Iterator[Tensor]:
        """Batches of network inputs, in order: ``b x ...`` tensors on the device."""
        return self._rows.inputs(batch_size)

    def samples(self) -> Samples:
        """The samples as they are stored, with what makes network inputs of them."""
        return self._rows.samples()

    @functools.cached_property
    def features(self) -> Tensor:
        """``n x D`` tensor of features: what the network's body makes of the samples."""
        points = self._rows.points()
        return points if isinstance(points, Tensor) else points.whole()

    @functools.cached_property
    def fixed(self) -> Tensor:
        """``n x D`` tensor of fixed features: of the frozen network that ``[features]`` names.

        They are the same in all rounds, also before anything is trained. Where none are named they are the
        `features`, and so they are in `alframe.query`.
        """
        named = self._rows.fixed()
        return self.features if named is None else named

    @property
    def is_fixed(self) -> bool:
        """Whether `fixed` are the same numbers in all rounds: some are named, or nothing trains the body.

        What follows from them may be kept in ``ctx.cache``. False in `alframe.query`.
        """
        return self._rows.is_fixed

    @functools.cached_property
    def positions(self) -> Tensor:
        """``n`` positions of the samples in the data set's training part (int64, on the device).

        A sample has the same in all rounds and views. The labelled set is in the order of labelling. In
        `alframe.query` the pool's rows are counted first, then those of the labelled set.
        """
        return self._rows.positions()

    @functools.cached_property
    def logits(self) -> Tensor:
        """``n x C`` tensor of logits."""
        self._require("logits")
        return self.by_rows(lambda block: block, of="logits")

    @functools.cached_property
    def probs(self) -> Tensor:
        """``n x C`` tensor of class probabilities."""
        self._require("probabilities")
        return self.by_rows(lambda block: block)

    def by_rows(self, function: Callable[[Tensor], Tensor], of: Numbers = "probs") -> Tensor:
        """What a function makes of each row, block by block: logits and probabilities are not kept for it.

        For scores that look at each sample alone. Probabilities of a million samples and a thousand classes
        take 4 GB; what has been read as a whole before is not computed again.

        Args:
            function: maps ``b x C`` probabilities to ``b x ...`` results, each row on its own; it must leave
                its argument as it is.
            of: which numbers it wants.

        Returns:
            ``n x ...`` tensor.

        Example:
            ``pool.by_rows(lambda probs: 1 - probs.square().sum(dim=1))``
        """
        blocks = self._blocks(of)
        if isinstance(self._known(of)[1], Tensor):
            return joined((function(self._at(rows, of)) for rows in blocks), len(self))
        return gathered(over_rows(_of_block, self._rows, (function, of), blocks), len(self))

    def lazy_rows(
        self, function: Callable[[Tensor, Tensor | slice], Tensor] | None = None, of: Numbers = "probs"
    ) -> Tensor | LazyRows:
        """What a function makes of each row, for a geometry: it is kept where that is little memory.

        Little are 90 million numbers, or as many as there are features; of a pool in files no more than a
        quarter of the memory that it may take. Of more rows the first that make so much are kept, and all
        others are made again for each look at them.

        Args:
            function: maps ``b x C`` probabilities, and the positions of their rows for who has more to say of
                those, to ``b x c`` numbers, each row on its own; it must leave its arguments as they are. It
                is called for as long as there is the geometry. None means the numbers as they are: features
                in memory are given themselves, and those in files are read for each look at them.
            of: which numbers it wants.

        Returns:
            ``n x c`` tensor or `alframe.ops.LazyRows`; `Euclidean`, `OuterProduct` and `SymmetricKL` take
            both.

        Example:
            ``SymmetricKL(pool.lazy_rows(lambda probs, rows: probs))``
        """
        if function is None and of in ("features", "fixed"):
            known: Any = self._known(of)[1]
            return known

        def make(rows: Tensor | slice) -> Tensor:
            block = self._at(rows, of)
            return block if function is None else function(block, rows)

        if len(self) > BATCH_SIZE:
            most = lazy.KEPT_ELEMENTS
            if of not in ("features", "fixed"):  # what is made of features alone costs little to make
                most = max(most, self._rows.features().numel())
            memory = getattr(self._rows.features(), "memory", math.inf)
            most = int(min(most, memory / SHARE_KEPT))
            if len(self) * make(slice(0, 1)).shape[1] > most:
                rows = LazyRows(make, len(self), most)
                rows.memory = memory
                return rows
        return joined((make(rows) for rows in self._blocks(of)), len(self))

    def _at(self, rows: Tensor | slice, of: Numbers) -> Tensor:
        """The numbers of some rows, computed unless they are known."""
        name, known = self._known(of)
        block = known[rows] if name else self._rows.logits(known[rows])
        return block.softmax(dim=1) if of == "probs" and name != "probs" else block

    def _blocks(self, of: Numbers) -> Iterator[slice]:
        """All rows, as they are computed."""
        name, known = self._known(of)
        one_block = name or len(known) <= BATCH_SIZE  # small whatever the number of classes
        classes = 0 if one_block else self._rows.logits(known[:1]).shape[1]
        return row_blocks(len(known), max(classes, known[:1].numel()), known.device)

    def _require(self, what: str) -> None:
        """Refuses what is as long as a pool in files and may not be held."""
        features = self._rows.features()
        if not isinstance(features, Tensor) and len(features):
            features.require(self._rows.logits(features[:1]).shape[1], what)

    def _known(self, of: Numbers) -> tuple[str, Tensor | RowsInFiles]:
        """What has been read and serves, and its name; else the features, without one."""
        if of in ("features", "fixed"):
            named = self._rows.fixed() if of == "fixed" else None
            return of, self.__dict__.get("features", self._rows.points()) if named is None else named
        name = next((name for name in (of, "logits") if name in self.__dict__), "")
        return name, self.__dict__[name] if name else self._rows.features()

    def mc_probs(self, passes: int, dropout: float = 0.5) -> Iterator[Tensor]:
        """Class probabilities under Monte Carlo dropout, one ``n x C`` tensor a pass, never kept.

        Args:
            passes: number of passes, each with its own dropout masks.
            dropout: share of the features dropped in `alframe.query`; a network's layers keep their own.

        Raises:
            UsageError: the network has no dropout.
        """
        self._require("probabilities")
        for step in range(passes):
            blocks = self._rows.mc_probs(range(step, step + 1), dropout)
            yield joined((next(block) for block in blocks), len(self))

    def mc_by_rows(
        self, function: Callable[[Iterator[Tensor]], Tensor], passes: int, dropout: float = 0.5
    ) -> Tensor:
        """What a function makes of each row's probabilities in all passes of `mc_probs`, block by block.

        Args:
            function: maps an iterator over ``passes`` tensors of ``b x C`` probabilities, each made when it
                is asked for, to ``b x ...`` results, each row on its own.
            passes: as in `mc_probs`.
            dropout: as in `mc_probs`.

        Returns:
            ``n x ...`` tensor; no ``n x C`` tensor is held.

        Raises:
            UsageError: the network has no dropout.

        Example:
            ``pool.mc_by_rows(lambda passes: sum(passes).amax(dim=1), 10)``
        """

        def parts() -> Iterator[Tensor]:
            for block in self._rows.mc_probs(range(passes), dropout):
                yield function(block)
                collections.deque(block, maxlen=0)  # what it left: the next block's masks come after

        return joined(parts(), len(self))

    @property
    def members(self) -> int:
        """How many networks a committee has, as ``--train ensemble`` trains one; 0 where there is none."""
        return self._rows.members

    def member_probs(self) -> Iterator[Tensor]:
        """Class probabilities by each member of a committee, one ``n x C`` tensor a member, never kept.

        A member is the same network for all rows of all views.

        Raises:
            UsageError: there is no committee.
        """
        for member in range(max(1, self.members)):
            blocks = self._rows.member_probs(range(member, member + 1))
            yield joined((next(block) for block in blocks), len(self))

    def members_by_rows(self, function: Callable[[Iterator[Tensor]], Tensor]) -> Tensor:
        """What a function makes of each row's probabilities by all members, block by block.

        Args:
            function: maps an iterator over the members' ``b x C`` probabilities, each made when it is asked
                for, to ``b x ...`` results, each row on its own.

        Returns:
            ``n x ...`` tensor; no ``n x C`` tensor is held.

        Raises:
            UsageError: there is no committee.
        """
        blocks = self._rows.member_probs(range(self.members))
        return joined((function(block) for block in blocks), len(self))

    def sample_probs(self, samples: int, dropout: float = 0.5) -> Iterator[Tensor]:
        """Class probabilities by samples of the posterior, one ``n x C`` tensor a sample, never kept.

        A sample is the same function for all rows of all views of a query: a member of a committee where the
        trainer left one, else the network with dropout masks that all rows share. So it has joint
        probabilities of several rows, and `mc_probs`, with a mask for each row, does not.

        Args:
            samples: number of samples, at most as many as a committee has members.
            dropout: share of the features dropped in `alframe.query`; a network's layers keep their own.

        Raises:
            UsageError: a committee has fewer members; or there is none and the network has no dropout, or of
                a kind whose masks rows can't share.
        """
        self._require("probabilities")
        for sample in self._numbers_of(samples):
            blocks = self._rows.sample_probs(range(sample, sample + 1), dropout)
            yield joined((next(block) for block in blocks), len(self))

    def sample_by_rows(
        self, function: Callable[[Iterator[Tensor]], Tensor], samples: int, dropout: float = 0.5
    ) -> Tensor:
        """What a function makes of each row's probabilities by all samples of `sample_probs`, block by block.

        Args:
            function: maps an iterator over ``samples`` tensors of ``b x C`` probabilities, each made when it
                is asked for, to ``b x ...`` results, each row on its own.
            samples: as in `sample_probs`.
            dropout: as in `sample_probs`.

        Returns:
            ``n x ...`` tensor; no ``n x C`` tensor is held.

        Raises:
            UsageError: as `sample_probs`.
        """
        blocks = self._rows.sample_probs(self._numbers_of(samples), dropout)
        return joined((function(block) for block in blocks), len(self))

    def _numbers_of(self, samples: int) -> range:
        if 0 < self.members < samples:
            raise UsageError(
                f"{samples} posterior samples were asked for, and the committee has {self.members} "
                f"members: ask for at most {self.members}, or train more"
            )
        return range(samples)

    @functools.cached_property
    def embedding(self) -> Geometry:
        """The samples as points with distances: what the embed stage made of them."""
        if self._embed is None:
            raise RuntimeError("an embedder can't read the embedding that it is asked to make")
        return self._embed()


def rows_of(view: View) -> Rows:
    """Where a view's numbers come from; for the engine."""
    return view._rows


def _of_block(rows: Rows, asked: tuple[Callable[[Tensor], Tensor], Numbers], block: slice) -> Tensor:
    function, of = asked
    return function(View(rows)._at(block, of))


class PoolView(View):
    """The unlabelled pool, ``N`` samples; or the ``P`` samples that somebody is labelling now."""

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

    def __getitem__(self, which: Tensor | slice) -> Self:
        """A view of some of the samples and their labels, see `View.__getitem__`."""
        part = super().__getitem__(which)
        part.targets = self.targets[which]
        return part
