"""Grey values of more than 8 bits: which of them is black and which is white."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras, scanners and X-ray detectors have


class GreyRange(NamedTuple):
    """The value that is black, and the one that is white."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.8g}..{self.high:.8g}"


def guess_range(is_whole: bool, low: float, high: float) -> GreyRange:
    """The range of a data set's grey values, by the least and the greatest of them.

    Whole numbers from 0 fill the fewest bits that are common; fractions go from 0 to 1 or to 255 where they
    fill more than half of that. All others go from the least to the greatest.

    Args:
        is_whole: whether they are stored as whole numbers.
        low: the least value of all images; above ``high`` where there is none.
        high: the greatest.

    Example:
        >>> print(guess_range(True, 3, 4000), guess_range(False, 0.01, 0.98), guess_range(False, -1, 1))
        0..4095 0..1 -1..1
    """
    if low > high:
        return GreyRange(0, 1)
    tops = [2**bits - 1 for bits in DEPTHS] if is_whole else [1, 255]
    for top in tops:
        if low >= 0 and high <= top and (is_whole or high > top / 2):
            return GreyRange(0, top)
    return GreyRange(low, high)


def to_bytes(values: np.ndarray[Any, Any], grey: GreyRange) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The values as 0..255; those beyond the range are cut off, and NaN is black.

    Whole numbers are rounded down, fractions to the nearest shade.
    """
    span = grey.high - grey.low
    if span <= 0:
        return np.zeros(values.shape, np.uint8)
    shades = np.nan_to_num(values.astype(np.float64), nan=grey.low).clip(*grey)
    shades = (shades - grey.low) * 255 / span
    return (np.floor(shades) if values.dtype.kind in "iu" else np.rint(shades)).astype(np.uint8)
