import numpy as np
import pytest
import torch

from alframe_seals.filtering import nearest_rows


def unit(x):
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norms > 0, norms, 1)


def transcribed(X, centres, k):
    """By all distances and a stable sort, in float64; equal up to float32 is equal."""
    squared = ((unit(X)[None] - unit(centres)[:, None]) ** 2).sum(axis=2)
    squared = np.where(squared < 1e-13, 0, squared).astype(np.float32)
    return np.sort(squared.argsort(axis=1, kind="stable")[:, :k], axis=1)


def test_is_the_definition_in_float64(problem):
    for k in (1, 7, 100):
        found, distances = nearest_rows(torch.tensor(problem.X), torch.tensor(problem.XL), k)
        k = min(k, len(problem.X))
        squared = ((unit(problem.X)[None] - unit(problem.XL)[:, None]) ** 2).sum(axis=2)
        own = np.take_along_axis(squared, found.numpy(), axis=1)
        np.testing.assert_allclose(distances, own, atol=1e-6)
        np.testing.assert_allclose(np.sort(own), np.sort(squared)[:, :k], atol=1e-7)
        assert all(len(set(row)) == k for row in found.tolist())


@pytest.mark.parametrize("copies", [1, 2, 30])
def test_of_copies_the_first_are_taken_whatever_the_blocks(make, monkeypatch, copies):
    X = np.tile(make(N=40, D=6).X, (copies, 1))
    X = X[np.random.default_rng(0).permutation(len(X))]
    X[[4, 9]] = 0
    centres = np.concatenate([X[:7], np.zeros((1, 6))])
    wanted = transcribed(X, centres, 11).tolist()
    for elements in (1 << 22, 900, 50):
        monkeypatch.setattr("alframe_seals.filtering.ELEMENTS", elements)
        monkeypatch.setattr("alframe_seals.filtering.CENTRES_AT_ONCE", max(1, elements // 300))
        assert nearest_rows(torch.tensor(X), torch.tensor(centres), 11)[0].tolist() == wanted


def test_lengths_of_rows_do_not_matter(make):
    problem = make()
    scale = torch.rand(len(problem.X), 1, dtype=torch.float64) + 0.1
    X, centres = torch.tensor(problem.X), torch.tensor(problem.XL)
    assert torch.equal(nearest_rows(X * scale, centres, 5)[0], nearest_rows(X, centres * 3, 5)[0])


def test_without_centres_there_are_no_neighbours(make):
    X = torch.tensor(make().X)
    assert nearest_rows(X, X[:0], 5)[0].shape == (0, 5)
