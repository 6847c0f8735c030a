"""What stands for NumPy's types and arrays while a pickle is read: plain numbers, as many as it has bytes."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = re.compile(r"b1|[iu][1248]|f[248]")


def as_bytes(content: Any) -> bytes:
    """What an array is made of; Python 2 has texts for it.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(content, str):
        return content.encode("latin1")
    if not isinstance(content, bytes | bytearray):
        raise ValueError(f"an array is made of a {type(content).__name__}")
    return bytes(content)


class DataType:
    """Stands for ``numpy.dtype``: booleans, whole numbers and fractions alone.

    Args:
        code: as in "u1".

    Raises:
        ValueError: it is no plain number.
    """

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any, *_: Any) -> None:
        if not (isinstance(code, str) and NUMBERS.fullmatch(code)):
            raise ValueError("an array of something else than numbers")
        self._code = code
        self._order = "|"

    def fill(self, state: Any) -> None:
        """Takes the order of the bytes from ``(version, order, None, None, None, ...)``."""
        _, order, *parts = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in parts[:3]):
            raise ValueError("an array of something else than numbers")
        self._order = order

    @property
    def made(self) -> np.dtype[Any]:
        """NumPy's."""
        kind = np.dtype(self._code)
        return kind if self._order == "|" else kind.newbyteorder(self._order)  # type: ignore[arg-type]


class Array:
    """Stands for ``numpy.ndarray``; empty until it is filled.

    Args:
        kind: what it holds.
        shape: how many of them, along each axis.
        content: their bytes.
        fortran: whether the first axis varies fastest.

    Raises:
        ValueError: the bytes are not as many as type and shape say.
    """

    __slots__ = ("_made",)

    def __init__(
        self, kind: Any = None, shape: Any = (), content: bytes = b"", fortran: bool = False
    ) -> None:
        self._made: NDArray[Any] | None = None
        if kind is not None:
            self.fill(kind, shape, content, fortran)

    def fill(self, kind: Any, shape: Any, content: bytes, fortran: bool) -> None:
        """Gives it what it holds, see the class."""
        if not isinstance(kind, DataType):
            raise ValueError("an array of something else than numbers")
        if not (isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)):
            raise ValueError("a shape that is none")
        if math.prod(shape) * kind.made.itemsize != len(content):
            raise ValueError("an array with more or fewer bytes than its shape says")
        self._made = np.frombuffer(content, kind.made).reshape(shape, order="F" if fortran else "C")

    def made(self) -> NDArray[Any]:
        """NumPy's; a copy that may be written to, in the machine's order of bytes.

        Raises:
            ValueError: it was never filled.
        """
        if self._made is None:
            raise ValueError("an array without content")
        if not self._made.flags.writeable:
            self._made = self._made.astype(self._made.dtype.newbyteorder("="), order="C")
        return self._made
