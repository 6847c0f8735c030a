"""Probabilities or logits that somebody has, of one model or of several, made a table of logits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from alframe.data.shards import mapped
from alframe.errors import UsageError
from alframe.learning.classes import Classes
from alframe.learning.inputs import as_tensor
from alframe.networks.probabilities import OFF, checked, logits_of, numbers, require_shape
from alframe.ops.blocks import row_blocks

Kind = Literal["probs", "logits"]


class Table:
    """Predictions that somebody has.

    Args:
        values: ``n x C`` or ``T x n x C`` probabilities or logits: an array, a tensor, a DataFrame with a
            column a class, lists, or the path of a ``.npy``. Of logits also ``n``, those of the second of two
            classes.
        kind: which of the two they are.
        device: where numbers are wanted.

    Attributes:
        names: what a DataFrame's columns are called; None where nothing says.
        members: ``T``; 0 where there is one prediction a sample.
        source: what they are called in messages.

    Raises:
        UsageError: they are no probabilities, or no finite logits.
    """

    def __init__(self, values: Any, kind: Kind, device: torch.device) -> None:
        self.source: str = kind
        self._kind = kind
        self._device = device
        self.names = _names(values)
        given = _parts(values, kind)
        self.members = len(given) if given.ndim == 3 else 0
        self._by_member = given if self.members else None
        self._logits = self._mean(given) if self.members else self._read(given)

    def __len__(self) -> int:
        return len(self._logits)

    @property
    def columns(self) -> int:
        """How many classes there are."""
        return self._logits.shape[1]

    def logits(self) -> Tensor:
        """``n x C`` float32; of several those of their mean probability."""
        return self._logits

    def member_probs(self, which: range, rows: Tensor | slice) -> Tensor:
        """``t x b x C`` float32 probabilities, those of some members of some samples."""
        assert self._by_member is not None
        where = rows.numpy() if isinstance(rows, Tensor) and not isinstance(self._by_member, Tensor) else rows
        some = (_tensor(self._by_member[member][where]) for member in which)
        return torch.stack([self._probs(one) for one in some])

    def _probs(self, block: Tensor) -> Tensor:
        if self._kind == "logits":
            return block.float().to(self._device).softmax(dim=1)
        return checked(block, self._kind).float().to(self._device)

    def _read(self, given: Any) -> Tensor:
        """Logits of one model's predictions, block by block: no second copy is held."""
        whole = torch.empty(tuple(given.shape), device=self._device)
        for rows, block in self._checked(given):
            whole[rows] = logits_of(block) if self._kind == "probs" else block
        return whole

    def _mean(self, given: Any) -> Tensor:
        """Logits of the mean probability of several models."""
        total = torch.zeros(tuple(given.shape[1:]), dtype=torch.float64, device=self._device)
        for member in given:
            for rows, block in self._checked(member):
                total[rows] += (block if self._kind == "probs" else block.double().softmax(dim=1)).to(total)
        return logits_of(total.div_(len(given)))

    def _checked(self, given: Any) -> Iterator[tuple[slice, Tensor]]:
        """Blocks of rows that are what they should be."""
        mistaken = self._kind == "logits" and len(given) > 1
        for rows in row_blocks(len(given), given.shape[1], torch.device("cpu")):
            block = numbers(given[rows], self._kind)
            if self._kind == "probs":
                block = checked(block, "probs", first=rows.start)
            elif not bool(block.isfinite().all()):
                at = rows.start + int((~block.isfinite().all(dim=1)).nonzero()[0])
                raise UsageError(f"logits: row {at} has NaN or infinite values")
            mistaken = mistaken and bool((block.min() >= 0) & ((block.sum(dim=1) - 1).abs().max() <= OFF))
            yield rows, block
        if mistaken:
            raise UsageError("logits: all rows add up to 1: these are probabilities, pass them as probs=")


def _names(values: Any) -> Classes | None:
    columns = getattr(values, "columns", None)
    if columns is None or list(columns) == list(range(len(columns))):
        return None
    return tuple(columns)


def _parts(values: Any, kind: Kind) -> Any:
    """An array or tensor of two or three dimensions, which may be mapped."""
    if isinstance(values, str | os.PathLike):
        values = mapped(Path(values))
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "biuf"):
        values = as_tensor(values, kind)
    is_one = values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
    if kind == "logits" and is_one:
        half = as_tensor(values, kind).reshape(-1, 1) / 2
        return torch.cat([-half, half], dim=1)
    if values.ndim == 3 and len(values) == 1:
        return _parts(values[0], kind)
    require_shape(values.shape[1:] if values.ndim == 3 and len(values) else values.shape, kind)
    return values


def _tensor(block: Any) -> Tensor:
    return block if isinstance(block, Tensor) else torch.from_numpy(np.array(block))
