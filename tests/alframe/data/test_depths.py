import math

import numpy as np
import pytest

from alframe.data.depths import GreyRange, guess_range, to_bytes


@pytest.mark.parametrize(
    ("is_whole", "low", "high", "expected"),
    [
        (True, 0, 1, (0, 255)),  # masks and labels stay what they are
        (True, 3, 255, (0, 255)),
        (True, 0, 256, (0, 1023)),
        (True, 0, 4095, (0, 4095)),
        (True, 0, 4096, (0, 16383)),
        (True, 0, 16384, (0, 65535)),
        (True, 0, 65535, (0, 65535)),
        (True, 100, 70_000, (100, 70_000)),
        (True, -1000, 3000, (-1000, 3000)),  # Hounsfield units
        (False, 0, 1, (0, 1)),
        (False, 0.2, 0.6, (0, 1)),
        (False, 0.01, 0.3, (0.01, 0.3)),  # a third of the shades would be left
        (False, 0, 255, (0, 255)),
        (False, -1, 1, (-1, 1)),
        (False, 0, 1.02, (0, 1.02)),
        (False, 5, 5, (5, 5)),
        (False, math.inf, -math.inf, (0, 1)),  # all are NaN
    ],
)
def test_the_range_of_a_data_set(is_whole, low, high, expected):
    assert guess_range(is_whole, low, high) == expected


@pytest.mark.parametrize(
    ("values", "grey", "expected"),
    [
        (np.arange(256, dtype=np.int32), (0, 255), range(256)),
        (np.arange(256, dtype=np.float32) / 255, (0, 1), range(256)),
        (np.arange(256, dtype=np.uint16) * 257, (0, 65535), range(256)),
        (np.arange(255, dtype=np.uint16) * 257 + 256, (0, 65535), range(255)),  # rounded down
        (np.array([-5, 0, 4095, 9000], np.int32), (0, 4095), [0, 0, 255, 255]),
        (np.array([np.nan, np.inf, -np.inf, 0.5], np.float32), (0, 1), [0, 255, 0, 128]),
        (np.array([7.0, 7.0]), (7, 7), [0, 0]),
    ],
)
def test_shades(values, grey, expected):
    np.testing.assert_array_equal(to_bytes(values, GreyRange(*grey)), list(expected))
