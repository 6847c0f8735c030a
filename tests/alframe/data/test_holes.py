import numpy as np
import pytest

from alframe.data.holes import Holes, ShardsWithout
from alframe.data.shards import Shards

X = np.arange(40.0, dtype=np.float32).reshape(20, 2)


@pytest.fixture(params=[[], [0], [19], [3, 4, 5], [0, 1, 7, 11, 18, 19]], ids=str)
def left_out(request):
    return np.array(request.param, dtype=np.int64)


def test_what_is_left_reads_as_if_the_others_were_not_there(left_out):
    rest = np.delete(X, left_out, axis=0)
    found = ShardsWithout(Shards([X[:6], X[6:6], X[6:]], ["a", "b", "c"]), Holes(left_out[::-1]))
    assert found.shape == rest.shape
    assert len(found) == len(rest)
    for start in range(len(rest) + 1):
        for stop in range(start, len(rest) + 1):
            assert np.array_equal(found.between(start, stop), rest[start:stop])
    order = np.random.default_rng(0).permutation(len(rest))
    assert np.array_equal(found.at(order), rest[order])
    assert found.rows_read >= found.bytes_read / 8 > 0


def test_a_row_is_where_it_is_in_its_file():
    found = ShardsWithout(Shards([X[:6], X[6:]], ["a", "b"]), Holes(np.array([2, 8])))
    assert [found.where(row) for row in (1, 2, 6)] == ["a, row 1", "a, row 3", "b, row 1"]
    found.require_unchanged()
