"""What was asked before: answers to blocks of rows that strategies come back to within a query."""

from __future__ import annotations

from typing import Any

from torch import Tensor

MOST_NUMBERS = 1 << 24  # of features that are held on to: 64 MB in float32


class Recent:
    """Answers to the last tensors that were asked about; a tensor is told by the memory that it looks at.

    It holds on to what was asked, so that nothing else comes to lie there. A copy of it is empty, also one
    that was pickled.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, int, Tensor]] = []

    def of(self, asked: Tensor) -> Tensor | None:
        """A copy of the answer; None where there is none, or where the numbers have changed since.

        Args:
            asked: ``n x D``.
        """
        if asked.is_inference():  # nobody counts its changes
            return None
        for kept, version, answer in self._kept:
            if _place(kept) == _place(asked) and asked._version == version:
                return answer.clone()
        return None

    def keep(self, asked: Tensor, answer: Tensor) -> None:
        """Keeps a copy of an answer, in the place of the oldest ones.

        Args:
            asked: ``n x D``.
            answer: what came of it.
        """
        if asked.is_inference() or asked.numel() > MOST_NUMBERS:
            return
        self._kept.append((asked.detach(), asked._version, answer.clone()))
        while sum(kept.numel() for kept, _, _ in self._kept) > MOST_NUMBERS:
            del self._kept[0]

    def forget(self) -> None:
        """Keeps nothing."""
        self._kept = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled empty."""
        return Recent, ()


def _place(x: Tensor) -> tuple[Any, ...]:
    return x.data_ptr(), x.shape, x.stride(), x.dtype, x.device
