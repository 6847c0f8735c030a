import pytest
import torch

from alframe import Dataset, UsageError


def make(**changes):
    parts = {
        "name": "d",
        "inputs": torch.zeros(4, 2),
        "targets": torch.tensor([0, 1, 0, 1]),
        "num_classes": 2,
        "test_inputs": torch.zeros(2, 2),
        "test_targets": torch.tensor([0, 1]),
    }
    return Dataset(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 1}, "1 class; at least 2"),
        ({"targets": torch.tensor([0, 1])}, "training part: 4 inputs but 2 targets"),
        ({"targets": torch.tensor([0, 1, 2, 0])}, r"targets must lie in -1..1, got 0..2"),
        ({"test_targets": torch.tensor([0, -1])}, r"test part: targets must lie in 0..1"),
        ({"test_targets": None}, "come together or not at all"),
        ({"inputs": torch.zeros(4, 2, dtype=torch.uint8)}, "floating-point"),
        ({"targets": torch.zeros(4)}, "one int64 a sample"),
        ({"inputs": torch.full((4, 2), torch.nan)}, "NaN or infinite"),
        ({"inputs": torch.tensor([[0.0, torch.inf]] * 4)}, "NaN or infinite"),
        ({"test_inputs": torch.zeros(2, 3)}, r"samples have shape \(2,\), test samples \(3,\)"),
        ({"inputs": torch.zeros(0, 2), "targets": torch.zeros(0, dtype=torch.int64)}, "no samples"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes, message):
    with pytest.raises(UsageError, match=message):
        make(**changes)


def test_hide_labels():
    assert make().hide_labels().targets.tolist() == [-1] * 4
    assert make().hide_labels(keep=torch.tensor([1, 2])).targets.tolist() == [-1, 1, 0, -1]


def test_split_test_is_a_partition_drawn_by_the_generator():
    whole = Dataset("d", torch.arange(20.0)[:, None], torch.arange(20) % 2, 2)
    splits = [whole.split_test(0.25, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    first, again, other = splits
    assert len(first.test_inputs) == 5
    assert sorted(torch.cat([first.inputs, first.test_inputs]).flatten().tolist()) == list(range(20))
    assert torch.equal(first.targets, first.inputs.flatten().long() % 2)
    assert torch.equal(first.test_inputs, again.test_inputs)
    assert not torch.equal(first.test_inputs, other.test_inputs)


def test_split_that_leaves_nothing():
    with pytest.raises(UsageError, match="nothing to test"):
        Dataset("d", torch.zeros(2, 1), torch.tensor([0, 1]), 2).split_test(0.1, torch.Generator())
