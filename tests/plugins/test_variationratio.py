import numpy as np
import pytest
import torch

from alframe_variationratio._variationratio import variation_ratio


def test_five_votes():
    votes = torch.eye(3)[torch.tensor([0, 0, 0, 1, 2])][:, None]
    assert variation_ratio(iter(votes)).item() == pytest.approx(0.4)


@pytest.mark.parametrize("classes", [2, 5])
def test_is_the_share_that_does_not_agree_in_float64(classes):
    p = np.random.default_rng(0).random((7, 50, classes))
    votes = p.argmax(axis=2)
    expected = [1 - np.bincount(row).max() / 7 for row in votes.T]
    np.testing.assert_allclose(variation_ratio(iter(torch.from_numpy(p))), expected, atol=1e-7)


def test_all_agree():
    probs = torch.tensor([[0.2, 0.8], [0.9, 0.1]])
    assert variation_ratio(iter([probs, probs])).tolist() == [0, 0]
