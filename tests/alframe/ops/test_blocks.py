import pytest
import torch

from alframe.ops import blocks
from alframe.ops.blocks import by_blocks, joined, row_blocks, rows_per_block, rows_per_pass

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


@pytest.mark.parametrize(
    ("device", "width", "rows"),
    [
        ("cpu", 1, 1024),
        ("cpu", 3 * 224 * 224, 1024),
        ("cuda", 3 * 224 * 224, 1024),
        ("cuda", 784, 5349),
        ("cuda", 1, 16384),
        ("cuda", 0, 16384),
    ],
)
def test_a_gpu_passes_more_small_samples_at_once(device, width, rows):
    assert rows_per_pass(width, torch.device(device)) == rows


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
