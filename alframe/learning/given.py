"""Rows whose predictions somebody gives: probabilities, logits, or an estimator that is asked for them.

Nothing is made before a strategy reads it: an estimator is asked once, of all samples at a time, and features
are what the last step of a pipeline gets, if anybody wants them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from alframe.contract.views import Rows, RowsInFiles
from alframe.data.holes import Holes
from alframe.errors import UsageError
from alframe.learning.estimators import Committee, Estimator
from alframe.learning.inputs import matrix, rows_of
from alframe.learning.rows import FeatureRows, without_distances
from alframe.learning.stored import StoredRows
from alframe.networks.probabilities import logits_of
from alframe.ops.blocks import row_blocks, rows_per_block

ALONE = "margin, entropy, least-confidence and others need probabilities alone"
CHUNK = 1 << 24  # numbers of all members' probabilities that are held at once
Points = tuple[Tensor | StoredRows, float]


class Predictions(Protocol):
    """What is predicted for samples.

    Attributes:
        members: how many members or posterior samples there are; 0 where there is one prediction a sample.
        source: what they come from, for messages.
    """

    members: int
    source: str

    @property
    def columns(self) -> int:
        """How many classes there are."""
        ...

    def logits(self) -> Tensor:
        """``n x C`` float32 logits of all samples, on the device."""
        ...

    def member_probs(self, which: range, rows: Tensor | slice) -> Tensor:
        """``t x b x C`` float32 probabilities by some members of some samples, on the device."""
        ...


class Asked:
    """Predictions of an estimator, which is asked when somebody reads them.

    Args:
        estimator: whom to ask.
        samples: what it takes, or rows in files.
        size: how many samples there are.
        device: where numbers are wanted.
    """

    def __init__(
        self, estimator: Estimator | Committee, samples: Any, size: int, device: torch.device
    ) -> None:
        self._estimator = estimator
        self._samples = samples
        self._size = size
        self._device = device
        self.members = estimator.members
        self.source = estimator.kind

    @functools.cached_property
    def _logits(self) -> Tensor:
        if not isinstance(self._samples, StoredRows):
            return logits_of(self._estimator.probabilities(self._samples, self._size)).to(self._device)
        stored, whole = self._samples, torch.empty(0)
        for block in row_blocks(self._size, stored.shape[1], torch.device("cpu")):
            samples, size = stored[block].cpu().numpy(), block.stop - block.start
            found = self._estimator.probabilities(samples, size, block.start)
            if not len(whole):
                stored.require(found.shape[1], "probabilities")
                whole = torch.empty(self._size, found.shape[1])
            whole[block] = logits_of(found)
        return whole.to(self._device)

    def logits(self) -> Tensor:
        """Logarithms of the estimator's probabilities."""
        return self._logits

    @property
    def columns(self) -> int:
        """How many classes there are."""
        classes = self._estimator.classes
        return self._logits.shape[1] if classes is None else len(classes)

    @functools.cached_property
    def seen(self) -> Any:
        """What the last step of a pipeline gets."""
        samples = self._samples
        if isinstance(samples, StoredRows):
            if self._estimator.is_one_step:
                return samples
            samples = samples.whole().cpu().numpy()
        return self._estimator.transformed(samples)

    def member_probs(self, which: range, rows: Tensor | slice) -> Tensor:
        """Some members' answers, with the columns of the whole."""
        if isinstance(self.seen, StoredRows):
            samples = self.seen[rows].cpu().numpy()
        else:
            samples = rows_of(self.seen, rows)
        answers = self._estimator.member_probs(samples, _count(rows), self.columns, which)
        return torch.stack(list(answers)).to(self._device)


class Whole:
    """All samples of a side, the pool's or the labelled ones.

    Args:
        size: how many there are.
        predictions: what is predicted for them, or None.
        points: makes their features and tells the largest magnitude, or raises what they lack.
        why: what to say where there are no predictions.
    """

    def __init__(
        self, size: int, predictions: Predictions | None, points: Callable[[], Points], why: str = ""
    ) -> None:
        self.size = size
        self.predictions = predictions
        self.why = why
        self._make = points

    @functools.cached_property
    def points(self) -> Points:
        """Features, made once, and their largest magnitude."""
        return self._make()

    def asked(self) -> Predictions:
        """The predictions.

        Raises:
            UsageError: there are none.
        """
        if self.predictions is None:
            raise UsageError(self.why)
        return self.predictions


def features_of(name: str, device: torch.device, asked: Asked) -> Points:
    """Features that a strategy reads: of a pipeline what its last step gets.

    Args:
        name: what the samples are called, for messages.
        device: where they are wanted.
        asked: who has them.
    """
    found = asked.seen
    if isinstance(found, StoredRows):
        return found, found.largest(name)
    try:
        return matrix(found, name, device)
    except UsageError as error:
        raise UsageError(f"this strategy reads features, numbers in columns, and {error}; {ALONE}") from error


class GivenRows(FeatureRows):
    """Rows of a whole, some or all of them.

    Args:
        whole: all samples of a side.
        rows: ``n`` positions in it, int64 on the CPU; None means all.
        head: the head as a module, which may refuse to be asked.
        seed: seed of the dropout masks of Monte Carlo passes.
        first: position of the first row, where another view's rows come before; or of each of them.
        device: where numbers are wanted.
        holes: the other rows, where these are all but some: what is in files stays there then.
    """

    def __init__(
        self,
        whole: Whole,
        rows: Tensor | None,
        head: nn.Module,
        seed: int = 0,
        first: int | Tensor = 0,
        device: torch.device | str = "cpu",
        holes: Holes | None = None,
    ) -> None:
        self._whole = whole
        self._rows = rows
        self._module = head
        self._seed = seed
        self._first = first
        self._device = torch.device(device)
        self._holes = holes
        self._table: Tensor | None = None
        self._points: Tensor | RowsInFiles | None = None

    in_files = False

    def __len__(self) -> int:
        return self._whole.size if self._rows is None else len(self._rows)

    def features(self) -> Tensor:
        """What logits are made of: themselves, ``n x C``."""
        if self._table is None:
            whole = self._whole.asked().logits()
            self._table = whole if self._rows is None else whole[self._rows.to(whole.device)]
        return self._table

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """A block of `features` is one of logits."""
        return features

    def part(self, rows: slice | Tensor) -> GivenRows:
        """Some of the rows."""
        whole = torch.arange(len(self)) if self._rows is None else self._rows
        some = whole[rows if isinstance(rows, slice) else rows.cpu()]
        return GivenRows(self._whole, some, self._module, self._seed, self._places(rows), self._device)

    def beside(self, other: Rows) -> GivenRows:
        """These rows, and after them others of the same whole."""
        assert isinstance(other, GivenRows)
        every = [torch.arange(len(one)) if one._rows is None else one._rows for one in (self, other)]
        places = torch.cat([self.positions(), other.positions()])
        return GivenRows(self._whole, torch.cat(every), self._module, self._seed, places, self._device)

    def points(self) -> Tensor | RowsInFiles:
        """The features, ``n x D``.

        Raises:
            UsageError: there are none, or none with distances.
        """
        if self._points is None:
            whole, most = self._whole.points
            if too_large := without_distances(most, whole.shape[1]):
                raise UsageError(too_large)
            if self._rows is None:
                self._points = whole
            elif self._holes is not None and isinstance(whole, StoredRows):
                self._points = whole.without(self._holes)
            else:
                self._points = whole[self._rows.to(self._device)]
        return self._points

    def positions(self) -> Tensor:
        """As the rows stand."""
        if isinstance(self._first, Tensor):
            return self._first
        return torch.arange(self._first, self._first + len(self), device=self._device)

    @property
    def members(self) -> int:
        """How many members a committee has, or posterior samples were given."""
        predictions = self._whole.predictions
        return 0 if predictions is None else predictions.members

    def member_probs(self, which: range) -> Iterator[Iterator[Tensor]]:
        """Some members' probabilities of each block of rows."""
        predictions = self._whole.asked()
        if not predictions.members:
            raise UsageError(
                f"this strategy asks several models, and {predictions.source} is one: pass probs=[T, N, C], "
                "the probabilities of T of them, or as head a list of fitted classifiers, or a forest"
            )
        members, classes = len(which), predictions.columns
        chunk = max(1, CHUNK // (members * classes))
        inner = rows_per_block(max(classes, members**2), self._device)
        for start in range(0, max(1, len(self)), chunk):
            stop = min(start + chunk, len(self))
            rows = slice(start, stop) if self._rows is None else self._rows[start:stop]
            probs = predictions.member_probs(which, rows)
            for low in range(0, max(1, stop - start), inner):
                yield iter(probs[:, low : low + inner])

    def mc_probs(self, steps: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """Those of members, all of them where several are wanted; else of a linear head with dropout."""
        if self.members:
            if len(steps) == 1 and steps.stop > self.members:
                raise UsageError(
                    f"{steps.stop} passes were asked for, and {self._whole.asked().source} has {self.members}"
                )
            return self.member_probs(steps if len(steps) == 1 else range(self.members))
        return self._with_dropout().mc_probs(steps, dropout)

    def sample_probs(self, which: range, dropout: float) -> Iterator[Iterator[Tensor]]:
        """Those of members; else of a linear head with dropout."""
        if self.members:
            return self.member_probs(which)
        return self._with_dropout().sample_probs(which, dropout)

    def _with_dropout(self) -> FeatureRows:
        """The rows of a head that may be asked anything."""
        if isinstance(self._module, Lacking):
            raise UsageError(
                f"this strategy needs several predictions of each sample, and {self._module.source} has one: "
                "pass probs=[T, N, C], those of T members or posterior samples, or as head a forest, (W, b) "
                f"or a linear classifier, with features; {ALONE}"
            )
        return FeatureRows(self.points(), self._module, self._seed, self._whole.points[1], self._first)


class Lacking(nn.Module):
    """A head that is not there to be asked: what was predicted of the samples is all that is known.

    Args:
        source: what the predictions come from.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        """Raises `UsageError`."""
        raise UsageError(
            "this strategy asks the head about features that it makes up, and all that is known of "
            f"{self.source} is probabilities of the samples: pass head=(W, b), a linear classifier or a "
            f"torch module; {ALONE}"
        )


class Trees(Lacking):
    """The head of a model of trees: all that it says of features is into which leaves they fall.

    Args:
        source: what the predictions come from.
        estimator: the fitted model.
    """

    def __init__(self, source: str, estimator: Estimator) -> None:
        super().__init__(source)
        self._estimator = estimator

    def leaves(self, features: Tensor) -> Tensor:
        """The leaf of each tree that a sample falls into: ``n x T`` int64, on the features' device.

        Args:
            features: ``n x D``, what a pipeline's last step takes.
        """
        if not len(features):
            return torch.zeros(0, 1, dtype=torch.int64, device=features.device)
        return self._estimator.leaves(features.cpu().numpy(), len(features)).to(features.device)


def _count(rows: Tensor | slice) -> int:
    return len(rows) if isinstance(rows, Tensor) else rows.stop - rows.start
