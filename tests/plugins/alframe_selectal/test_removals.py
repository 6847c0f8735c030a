import numpy as np
import pytest
import torch

from alframe_selectal._removals import (
    left_out_at_random,
    left_out_by_typicality,
    share_of_classes,
    typicality_of,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def counts_of(targets, left_out):
    return targets[left_out].bincount(minlength=int(targets.max()) + 1).tolist()


@pytest.mark.parametrize(
    ("counts", "epsilon", "num_classes", "wanted"),
    [
        ([50, 50], 0.1, 2, 5),
        ([5, 5], 0.05, 2, 1),  # at least one
        ([97, 3], 0.2, 2, 3),  # at most the rarest class
        ([0, 97, 3], 0.2, 3, 3),  # which is one with labels
        ([100], 0.1, 4, 2),
    ],
)
def test_share_of_a_class(counts, epsilon, num_classes, wanted):
    targets = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    assert share_of_classes(targets, epsilon, num_classes) == wanted


def test_as_many_are_left_out_of_each_class(problem):
    targets = torch.tensor(problem.yL)
    count = share_of_classes(targets, 0.3, 5)
    features = torch.tensor(problem.XL)
    removals = (
        *left_out_by_typicality(features, targets, count, generator()),
        left_out_at_random(targets, count, generator()),
    )
    labels = targets.bincount()
    for left_out in removals:
        assert counts_of(targets, left_out) == (count * (labels > 0)).tolist()


def test_typicality_is_one_over_the_mean_distance(make):
    for N in (2, 5, 60):
        X = make(N=N).X
        distances = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)
        k = min(20, N // 2)
        wanted = 1 / distances[:, 1 : k + 1].mean(axis=1)
        np.testing.assert_allclose(typicality_of(torch.tensor(X)), wanted)
    assert typicality_of(torch.zeros(1, 3)).tolist() == [torch.inf]
    assert typicality_of(torch.zeros(4, 3)).tolist() == [torch.inf] * 4


def test_the_typical_are_in_the_middle_of_clusters_and_the_untypical_at_their_edge():
    angles = torch.tensor([0.0, 0.01, 0.02, 0.5, 1.5, 1.51, 1.52, 1.0])
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    typical, untypical = left_out_by_typicality(features, torch.zeros(8, dtype=torch.int64), 2, generator())
    assert set(typical.nonzero()[:, 0].tolist()) <= {0, 1, 2, 4, 5, 6}
    assert untypical.nonzero()[:, 0].tolist() == [3, 7]
