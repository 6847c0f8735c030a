"""The embed stage's answer, for the views of one query."""

from __future__ import annotations

from collections.abc import Callable

from alframe.ops.geometry import Geometry


class Embedding:
    """Points of the pool, of what is pending, and of the labelled set: made when a view first asks for them.

    Args:
        make: gives those of the pool, followed by the pending ones, and those of the labelled set.
        size: how many of the first are the pool's.
    """

    def __init__(self, make: Callable[[], tuple[Geometry, Geometry]], size: int) -> None:
        self._make = make
        self._made: tuple[Geometry, Geometry] | None = None
        self._size = size

    def of_pool(self) -> Geometry:
        """The pool's."""
        whole = self._both()[0]
        return whole if len(whole) == self._size else whole[: self._size]

    def of_pending(self) -> Geometry:
        """Those of what is pending."""
        return self._both()[0][self._size :]

    def of_labelled(self) -> Geometry:
        """The labelled set's."""
        return self._both()[1]

    def _both(self) -> tuple[Geometry, Geometry]:
        if self._made is None:
            self._made = self._make()
        return self._made
