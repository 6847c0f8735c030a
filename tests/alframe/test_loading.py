import pytest
import torch

import alframe


def test_a_data_set_without_a_test_part_is_split_by_the_seed():
    first, again, other = (alframe.load_dataset("digits", seed=seed) for seed in (0, 0, 1))
    assert len(first) == 1438
    assert len(first.test_inputs) == 359
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert len(alframe.load_dataset("digits", test_fraction=0.5)) == 899


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digit", {}, "Did you mean 'digits'"),
        ("digits:x", {}, "data set 'digits' takes nothing after a colon, got 'digits:x'"),
        ("digits", {"colour": 1}, "unknown option of 'data' 'colour'"),
        ("digits", {"test_fraction": 1.5}, "between 0 and 1"),
    ],
)
def test_mistakes_are_named(name, options, message):
    with pytest.raises(alframe.UsageError, match=message):
        alframe.load_dataset(name, **options)
