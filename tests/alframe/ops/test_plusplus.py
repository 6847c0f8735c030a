import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

from alframe import Euclidean, OuterProduct, SymmetricKL
from alframe.experiments.cost import measured
from alframe.ops import kmeans_plus_plus, lower_to_nearest
from alframe.ops.plusplus import LARGEST_BLOCK


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e3, 1e4, 1e5])
def test_a_common_offset_of_the_features_changes_no_pick(offset):
    """In float64 the same draws lead to the same picks; predictions are all but equal, so features decide."""
    g = generator(4)
    a = torch.tensor([[-1.0, 1.0]]) * (1 + 1e-6 * torch.randn(300, 1, generator=g))
    b = torch.randn(300, 16, generator=g) + offset
    picks = kmeans_plus_plus(OuterProduct(a, b), 40, generator(1))
    wanted = kmeans_plus_plus(OuterProduct(a.double(), b.double()), 40, generator(1))
    assert torch.equal(picks, wanted)


@pytest.mark.usefixtures("types_unchecked")
def test_the_first_of_several_rows_of_largest_norm_is_drawn():
    x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 3.0]]).repeat_interleave(10, 0)
    first = [int(kmeans_plus_plus(Euclidean(x), 1, generator(seed))) for seed in range(400)]
    assert stats.chisquare(np.bincount(first, minlength=30)[10:]).pvalue > 1e-3
    assert min(first) >= 10


def test_the_last_picks_are_compared_with_nobody(monkeypatch):
    """A look at all points costs most where their factors are made again."""
    folded = []

    def count(minima, points, centres):
        folded.append(len(centres))
        return lower_to_nearest(minima, points, centres)

    monkeypatch.setattr("alframe.ops.plusplus.lower_to_nearest", count)
    points = Euclidean(torch.randn(200, 5, generator=generator()))
    assert len(kmeans_plus_plus(points, 1, generator())) == 1
    assert folded == []
    assert len(kmeans_plus_plus(points, 40, generator())) == 40
    assert folded[0] == 1
    assert sum(folded) < 40


def frequencies(draw, n, runs=2000):
    return np.bincount([draw(seed) for seed in range(runs)], minlength=n)


@pytest.mark.slow
@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize(
    ("kind", "power"), [("outer product", 2.0), ("divergence", 2.0), ("outer product", 4.0)]
)
def test_the_second_pick_follows_the_squared_distances(kind, power):
    """In law: 2,000 seeds against the distribution, chi-squared."""
    g = generator(5)
    a, b = torch.randn(12, 3, generator=g), torch.randn(12, 4, generator=g)
    points = OuterProduct(a, b) if kind == "outer product" else SymmetricKL(a.softmax(1))
    first = int(points.squared_norms().argmax())
    law = points.squared_distances(points)[first].double().numpy() ** (power / 2)
    seen = frequencies(lambda seed: int(kmeans_plus_plus(points, 2, generator(seed), power=power)[1]), 12)
    assert seen[law == 0].sum() == 0
    assert stats.chisquare(seen[law > 0], 2000 * law[law > 0] / law.sum()).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize("power", [2.0, 4.0])
def test_later_picks_of_a_block_follow_the_law_given_the_picks_before(power):
    """The rejection inside a block: the third and fourth picks, given the first two, by exact enumeration."""
    x = torch.randn(6, 2, generator=generator(8), dtype=torch.float64)
    between = cdist(x, x) ** power
    first = int((x**2).sum(1).argmax())
    expected = np.zeros((6, 6, 6))
    for i in range(6):
        for j in range(6):
            for k in range(6):
                minima, chance, before = between[first].copy(), 1.0, (first,)
                for pick in (i, j, k):
                    chance *= minima[pick] / minima.sum() if minima.sum() else 0
                    minima = np.minimum(minima, between[pick])
                    before += (pick,)
                expected[i, j, k] = chance if len(set(before)) == 4 else 0
    assert expected.sum() == pytest.approx(1)
    seen = np.zeros_like(expected)
    for seed in range(4000):
        picks = kmeans_plus_plus(Euclidean(x), 4, generator(seed), power=power).tolist()
        assert picks[0] == first
        seen[tuple(picks[1:])] += 1
    common = expected * 4000 >= 5
    observed = np.append(seen[common], seen[~common].sum())
    wanted = 4000 * np.append(expected[common], expected[~common].sum())
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


@pytest.mark.usefixtures("types_unchecked")
def test_points_that_coincide_are_not_picked_twice():
    """Once nothing new is left the rest is drawn uniformly."""
    x = torch.tensor([[0.0, 1.0], [3.0, 3.0], [5.0, 1.0]]).repeat(40, 1)
    chosen = []
    for seed in range(200):
        picks = kmeans_plus_plus(Euclidean(x), 10, generator(seed))
        assert len(picks.unique()) == 10
        assert len(x[picks[:3]].unique(dim=0)) == 3
        chosen += picks[3:].tolist()
    counts = np.bincount(chosen, minlength=120)
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-3
    assert (counts > 0).sum() > 100


def test_all_points_at_the_origin():
    assert len(kmeans_plus_plus(Euclidean(torch.zeros(9, 2)), 9, generator()).unique()) == 9


def test_more_picks_than_a_block_holds():
    x = torch.randn(3000, 2, generator=generator())
    picks = kmeans_plus_plus(Euclidean(x), 2 * LARGEST_BLOCK, generator(1))
    assert len(picks.unique()) == 2 * LARGEST_BLOCK


def test_never_builds_the_vectors():
    """50,000 samples, 100 classes, 512 features would be 10 GB."""
    a, b = torch.rand(50_000, 100), torch.rand(50_000, 512)
    with measured(torch.device("cpu")) as before:
        pass
    with measured(torch.device("cpu")) as cost:
        kmeans_plus_plus(OuterProduct(a, b), 50, generator())
    assert cost.peak_memory - before.peak_memory < 1e9


def test_a_power_of_short_distances_is_no_zero():
    """Trap: in 32 bits a fourth power of 1e-12 is 0, as that of points that coincide."""
    x = torch.tensor([[0.0], [0.0], [1e-12], [2e-12]]).repeat(10, 1)
    for seed in range(20):
        picks = kmeans_plus_plus(Euclidean(x), 3, generator(seed), power=4.0)
        assert len(x[picks].unique()) == 3


def test_distances_are_raised_once_and_not_in_every_block():
    """In place, those of 64 bits would be raised again and again; those of 32 are copied."""
    x = torch.randn(200, 4, generator=generator(3))
    picks = kmeans_plus_plus(Euclidean(x), 60, generator(1), power=4.0)
    assert torch.equal(picks, kmeans_plus_plus(Euclidean(x.double()), 60, generator(1), power=4.0))
