import pytest
import torch

from alframe.ops.lazy import LazyRows

WHOLE = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
POSITIONS = [
    slice(None),
    slice(0, 4),
    slice(2, 9),
    slice(7, 7),
    slice(15, 100),
    slice(1, 19, 5),
    torch.tensor([18, 0, 7, 7]),
    torch.tensor([], dtype=torch.int64),
]


@pytest.mark.parametrize("most", [0, 16, 10**9])
@pytest.mark.parametrize("positions", POSITIONS, ids=str)
class TestRows:
    def test_are_those_of_the_matrix(self, positions, most):
        rows = LazyRows(lambda rows: WHOLE[rows], 20, most)
        assert len(rows) == 20
        assert (rows.shape, rows.dtype, rows.device) == ((20, 3), torch.float32, WHOLE.device)
        assert torch.equal(rows[positions], WHOLE[positions])

    @pytest.mark.parametrize("inner", [slice(1, 3), slice(0, 9, 2), torch.tensor([0, 0])], ids=str)
    def test_of_a_part_of_a_part_are_those_of_the_matrix(self, positions, inner, most):
        part = LazyRows(lambda rows: WHOLE[rows], 20, most).part(slice(1, 20)).part(positions)
        wanted = WHOLE[1:][positions]
        assert part.shape == wanted.shape
        if len(wanted):
            assert torch.equal(part[inner], wanted[inner])
            assert torch.equal(part.part(inner)[:], wanted[inner])

    def test_in_other_digits(self, positions, most):
        rows = LazyRows(lambda rows: WHOLE.half()[rows], 20, most)
        for changed, dtype in ((rows.float(), torch.float32), (rows.double(), torch.float64)):
            assert changed.dtype == dtype
            assert torch.equal(changed[positions], WHOLE.half().to(dtype)[positions])
            assert torch.equal(changed.part(positions)[:], WHOLE.half().to(dtype)[positions])


def test_what_is_kept_is_made_once_and_the_rest_again():
    made = []
    rows = LazyRows(lambda rows: made.append(WHOLE[rows]) or WHOLE[rows], 20, 3 * 8)
    made.clear()
    for look in (rows[0:8], rows[3:5], rows.part(slice(2, 8))[:], rows.double().part(slice(2, 8))[1:4]):
        assert len(look)
    assert made == []
    for look in (rows[8:20], rows[7:9], rows.part(slice(2, 9))[:], rows[torch.tensor([0])]):
        assert torch.equal(made.pop(0), look)


def test_no_rows():
    rows = LazyRows(lambda rows: WHOLE[:0][rows], 0, 100)
    assert rows.shape == (0, 3)
    assert rows[:].shape == rows.part(slice(0, 5))[:].shape == (0, 3)


def test_rows_are_held_where_twice_their_bytes_are_within_memory():
    rows = LazyRows(lambda rows: WHOLE[rows], 20, most=0)
    assert torch.equal(rows.within_memory(), WHOLE)
    rows.memory = 2 * 5 * 3 * 4
    some = torch.tensor([3, 19, 0, 7, 7])
    assert torch.equal(rows.within_memory(some), WHOLE[some])
    assert torch.equal(rows.part(slice(4)).within_memory(), WHOLE[:4])
    for positions in (slice(6), torch.arange(6)):
        part = rows.within_memory(positions)
        assert isinstance(part, LazyRows)
        assert part.memory == rows.memory
        assert torch.equal(part[:], WHOLE[:6])


def test_what_a_function_makes_of_each_row():
    rows = LazyRows(lambda rows: WHOLE[rows], 20, most=9)
    rows.memory = 7.0
    doubled = rows.each(lambda block: 2 * block)
    assert doubled.memory == 7.0
    assert torch.equal(doubled[2:9], 2 * WHOLE[2:9])
    assert torch.equal(torch.cat(list(doubled.split(6))), 2 * WHOLE)


@pytest.mark.parametrize("positions", POSITIONS, ids=str)
@pytest.mark.parametrize("own", [0, 6, 20])
def test_rows_followed_by_others(own, positions):
    rows = LazyRows(lambda rows: WHOLE[:6][rows], 6, most=0).part(slice(min(own, 6)))
    both = rows.followed_by(WHOLE[len(rows) :])
    assert both.shape == (20, 3)
    assert torch.equal(both[positions], WHOLE[positions])
    assert torch.equal(both.part(positions)[:], WHOLE[positions])
