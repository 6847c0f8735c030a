import pytest
import torch

from alframe.ops import blocks
from alframe.ops.blocks import by_blocks, joined, row_blocks, rows_per_block

CPU = torch.device("cpu")


@pytest.mark.parametrize("rows", [0, 1, 5, 12, 13])
def test_blocks_are_bounded_and_give_the_same(rows, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 12)
    x = torch.rand(rows, 3, 2)
    sizes = []

    def double(block):
        sizes.append(block.numel())
        return 2 * block.sum(2)

    assert torch.equal(by_blocks(double, x), 2 * x.sum(2))
    assert max(sizes) <= 12
    assert sum(sizes) == x.numel()


def test_a_row_wider_than_a_block_is_a_block(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 12)
    assert rows_per_block(100, CPU) == 1
    assert list(row_blocks(2, 100, CPU)) == [slice(0, 1), slice(1, 2)]


def test_no_rows_are_one_empty_block():
    assert list(row_blocks(0, 3, CPU)) == [slice(0, 0)]


def test_rows_that_a_function_makes_wider_come_in_smaller_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 12)
    sizes = []
    x = torch.rand(10, 2)
    wide = by_blocks(lambda block: sizes.append(len(block)) or block.repeat(1, 3), x, width=6)
    assert torch.equal(wide, x.repeat(1, 3))
    assert sizes == [2] * 5


def test_parts_are_joined_as_they_come():
    parts = torch.rand(7, 2).split(3)
    assert torch.equal(joined(iter(parts), 7), torch.cat(parts))
    assert joined(iter(parts[:1]), 3) is parts[0]
    assert len(joined(iter([torch.empty(0, 2)]), 0)) == 0
