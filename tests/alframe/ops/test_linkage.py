import numpy as np
import pytest
import torch
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from alframe.ops import average_linkage, linkage


def rows(n=200, d=6, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def of_scipy(x):
    return hierarchy.linkage(pdist(x.double().numpy(), "sqeuclidean"), "average")


def mean_distances(x, merges):
    """The mean squared distance between the rows of the two clusters of each merge, by all pairs."""
    distances = squareform(pdist(x.double().numpy(), "sqeuclidean"))
    members = [[row] for row in range(len(x))]
    found = []
    for left, right in merges.tolist():
        found.append(distances[np.ix_(members[left], members[right])].mean())
        members.append(members[left] + members[right])
    return np.array(found)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (300, 64), (150, 1), (2, 3)])
def test_the_merges_are_those_of_scipy(n, d):
    x, wanted = rows(n, d), of_scipy(rows(n, d))
    found = average_linkage(x)
    np.testing.assert_array_equal(found.merges, wanted[:, :2])
    np.testing.assert_allclose(found.heights, wanted[:, 2])


def test_of_unit_rows_heights_are_twice_the_cosine_distance():
    x = torch.nn.functional.normalize(rows(400, 20))
    wanted = hierarchy.linkage(x.numpy(), method="average", metric="cosine")
    np.testing.assert_allclose(average_linkage(x).heights / 2, wanted[:, 2])
    np.testing.assert_allclose(average_linkage(x.float()).heights / 2, wanted[:, 2], rtol=1e-5)


@pytest.mark.parametrize("k", [1, 2, 17, 200])
def test_a_cut_has_the_clusters_of_scipy(k):
    x = rows()
    wanted = hierarchy.fcluster(of_scipy(x), k, "maxclust")
    found = average_linkage(x).cut(k).tolist()
    assert len(set(zip(found, wanted, strict=True))) == len(set(found)) == k
    assert list(dict.fromkeys(found)) == list(range(k))  # in the order of their first rows


def test_among_equal_distances_every_merge_is_of_clusters_as_far_as_it_says():
    """A grid, with copies: many orders of merges are right."""
    x = rows(300, 2, 3).round()
    found = average_linkage(x)
    np.testing.assert_allclose(found.heights, mean_distances(x, found.merges), atol=1e-12)
    assert (found.heights.diff() >= 0).all()
    distinct = len(x.unique(dim=0))
    assert (found.heights == 0).sum() == len(x) - distinct


def test_a_circle_of_equal_distances_ends():
    """Corners of a simplex are all as far from each other, but for rounding."""
    found = average_linkage(torch.nn.functional.normalize(torch.eye(60) + 0.1))
    np.testing.assert_allclose(found.heights, found.heights.mean(), rtol=1e-5)
    assert sorted(found.merges.flatten().tolist()) == list(range(118))


def test_copies_are_merged_first():
    x = rows(30, 4).repeat(20, 1)
    found = average_linkage(x)
    assert (found.heights[:570] == 0).all()
    np.testing.assert_allclose(found.heights[570:], of_scipy(x)[570:, 2])
    assert torch.equal(found.cut(30), torch.arange(30).repeat(20))


def test_rows_far_from_the_origin_lose_nothing():
    """|x|^2 + |y|^2 - 2 x.y of them is all rounding in float32."""
    x = rows(100, 5, dtype=torch.float32) + 1000
    np.testing.assert_allclose(average_linkage(x).heights, of_scipy(x)[:, 2], rtol=1e-3)


def test_how_many_look_at_once_changes_nothing(monkeypatch):
    x = rows(300, 8)
    wanted = average_linkage(x)
    monkeypatch.setattr(linkage, "FEWEST", 1)
    monkeypatch.setattr(linkage, "MOST", 3)
    monkeypatch.setattr(linkage, "ELEMENTS", 500)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 40)
    found = average_linkage(x)
    assert torch.equal(found.merges, wanted.merges)
    np.testing.assert_allclose(found.heights, wanted.heights)


def test_a_star_whose_arms_all_want_its_middle():
    """One merge after the other, and each time all others lose their nearest."""
    x = torch.diag(torch.linspace(1, 2, 80, dtype=torch.float64))
    x[0] = 0
    np.testing.assert_allclose(average_linkage(x).heights, of_scipy(x)[:, 2])


def test_one_row_is_one_cluster():
    found = average_linkage(torch.ones(1, 3))
    assert found.merges.shape == (0, 2)
    assert found.cut(1).tolist() == [0]


def test_rows_are_left_as_they_are():
    x = rows(50)
    before = x.clone()
    average_linkage(x)
    assert torch.equal(x, before)


def test_memory_is_linear_in_the_rows(monkeypatch):
    monkeypatch.setattr(linkage, "ELEMENTS", 20_000)
    largest = 0
    addmm = torch.addmm

    def watched(*args, **kwargs):
        nonlocal largest
        result = addmm(*args, **kwargs)
        largest = max(largest, result.numel())
        return result

    monkeypatch.setattr(torch, "addmm", watched)
    average_linkage(rows(1000, 4))
    assert 0 < largest <= 20_000
