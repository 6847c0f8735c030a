import pytest

from alframe.contract.options import MOST
from alframe.contract.sections import RunOptions


@pytest.mark.parametrize(
    ("growth", "number", "size"),
    [
        (1.0, 9, 100),
        (2.0, 3, 400),
        (0.001, 5, 1),
        (1e308, 1, 100),
        (1e308, 2, MOST),
        (1e308, 9, MOST),
        (2, 10**9, MOST),
    ],
)
def test_a_query_has_at_least_one_sample_and_no_more_than_can_be_counted(growth, number, size):
    assert RunOptions(query_growth=growth).size_of_query(number) == size
