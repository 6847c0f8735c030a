import sys

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.cluster import KMeans

from alframe.ops import LazyRows, kmeans, nearest_to_centres

module = sys.modules["alframe.ops.kmeans"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(n=1500, d=16, k=20):
    g = generator(1)
    centres = 2 * torch.randn(k, d, generator=g)
    return centres[torch.randint(k, (n,), generator=g)] + torch.randn(n, d, generator=g)


def noise(n=1500, d=8):
    return torch.rand(n, d, generator=generator(2))


def unit_features(n=1500, d=32):
    x = torch.randn(n, d, generator=generator(3)).relu()
    return x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("make", [blobs, noise, unit_features])
def test_inertia_is_within_two_percent_of_scikit_learns(make):
    x, k = make(), 20
    ours = np.mean([kmeans(x, k, generator(seed)).inertia for seed in range(5)])
    theirs = np.mean([KMeans(k, n_init=1, random_state=seed).fit(x.numpy()).inertia_ for seed in range(5)])
    assert ours < 1.02 * theirs


def test_labels_and_inertia_belong_to_the_centres():
    x = blobs()
    result = kmeans(x, 20, generator())
    distances = torch.cdist(x.double(), result.centres.double())
    assert torch.equal(result.labels, distances.argmin(1))
    own = distances.gather(1, result.labels[:, None])
    assert result.inertia == pytest.approx((own**2).sum().item(), rel=1e-5)
    assert 1 <= result.iterations <= 100


def test_nearest_to_centres_is_the_nearest_member():
    x = blobs()
    result = kmeans(x, 20, generator())
    rows = nearest_to_centres(x, result)
    assert len(rows.unique()) == 20
    for cluster, row in enumerate(rows):
        members = (result.labels == cluster).nonzero()[:, 0]
        distances = (x[members] - result.centres[cluster]).norm(dim=1)
        assert row == members[distances.argmin()]


def test_the_same_seed_gives_the_same_answer_and_the_global_state_is_left_alone():
    x = noise()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = kmeans(x, 10, generator(5))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(kmeans(x, 10, generator(5)).labels, first.labels)
    assert not torch.equal(kmeans(x, 10, generator(6)).labels, first.labels)


@pytest.mark.parametrize("n", [10, 11, 300])
def test_identical_rows_still_make_k_clusters(n):
    x = torch.ones(n, 3)
    result = kmeans(x, 10, generator())
    assert (result.labels.bincount(minlength=10) > 0).all()
    assert len(nearest_to_centres(x, result).unique()) == 10
    assert result.inertia == pytest.approx(0, abs=1e-8)


def test_two_distinct_points_and_five_clusters():
    x = torch.tensor([[0.0], [1.0]]).repeat(6, 1)
    result = kmeans(x, 5, generator())
    assert (result.labels.bincount(minlength=5) > 0).all()
    assert len(nearest_to_centres(x, result).unique()) == 5


def test_a_cluster_that_loses_its_rows_is_refilled(monkeypatch):
    far = torch.full((3, 2), 1e3)
    monkeypatch.setattr(module, "greedy_seeds", lambda *_: torch.cat([torch.zeros(1, 2), far]))
    x = noise(200, 2)
    result = kmeans(x, 4, generator())
    assert (result.labels.bincount(minlength=4) > 0).all()
    assert result.inertia < 1.3 * KMeans(4, n_init=5, random_state=0).fit(x.numpy()).inertia_


@pytest.mark.parametrize("make", [blobs, noise, unit_features])
def test_centres_that_stay_are_not_compared_again_and_change_no_answer(make, monkeypatch):
    compared = []
    original = module._nearest_of_all

    def counting(rows, centres, positions=None):
        compared.append(len(rows.x if positions is None else positions) * len(centres))
        return original(rows, centres, positions)

    monkeypatch.setattr(module, "_nearest_of_all", counting)
    x, answers, work = make(), [], []
    for share in (-1.0, 0.8, 2.0):  # all are compared with all; what is worth it; always the moved ones alone
        monkeypatch.setattr(module, "MOST_ASTRAY", share)
        compared.clear()
        answers.append(kmeans(x, 150, generator(), tolerance=0.0))
        work.append(sum(compared))
    for answer in answers[1:]:
        assert torch.equal(answer.labels, answers[0].labels)
        torch.testing.assert_close(answer.centres, answers[0].centres)
        assert answer.iterations == answers[0].iterations
    assert work[1] < 0.7 * work[0]


def test_a_refilled_cluster_draws_rows_of_one_that_stays():
    """Its centre stays at its one row, but others have not been compared with it there."""
    x = torch.tensor([[4.25], [9.0], [10.0], [14.0]])
    rows, centres = module._Rows.of(x), torch.tensor([[6.5], [12.0], [500.0]])
    first = module._refilled(rows, centres, module._nearest_of_all(rows, centres), generator())
    assert first.labels.tolist() == [0, 2, 1, 1]
    assert centres.tolist() == [[6.5], [12.0], [9.0]]
    means = module._means(x, first.labels, 3)
    assert means.tolist() == [[4.25], [12.0], [9.0]]
    again = module._nearest_again(rows, means, first)
    assert again.labels.tolist() == [0, 2, 2, 1]
    assert again.distances.tolist() == [0.0, 0.0, 1.0, 4.0]


def test_as_many_clusters_as_rows():
    x = noise(7, 3)
    result = kmeans(x, 7, generator())
    assert sorted(result.labels.tolist()) == list(range(7))
    assert result.inertia == 0
    assert sorted(nearest_to_centres(x, result).tolist()) == list(range(7))


def test_one_cluster_is_the_mean():
    x = noise(50, 3)
    torch.testing.assert_close(kmeans(x, 1, generator()).centres[0], x.mean(0))


def test_one_feature():
    x = torch.tensor([[0.0], [0.1], [10.0], [10.1], [20.0]])
    assert kmeans(x, 3, generator()).inertia == pytest.approx(0.01, abs=1e-4)


def test_a_common_offset_costs_no_digits():
    x = blobs(300, 4, 5)
    near, far = kmeans(x, 5, generator()), kmeans(x + 1000, 5, generator())
    assert far.inertia == pytest.approx(near.inertia, rel=0.01)


@pytest.mark.parametrize("offset", [1e2, 1e3, 1e4, 1e5])
def test_clusters_are_those_of_the_same_numbers_in_float64(offset):
    x = blobs(300, 4, 5) + offset
    narrow, wide = kmeans(x, 8, generator()), kmeans(x.double(), 8, generator())
    assert torch.equal(narrow.labels, wide.labels)
    assert narrow.inertia == pytest.approx(wide.inertia, rel=1e-4)
    rows = nearest_to_centres(x, narrow)
    exact = nearest_to_centres(x.double(), wide)
    for row, wanted, centre in zip(rows, exact, wide.centres, strict=True):
        near, nearest = ((x[i].double() - centre).norm() for i in (row, wanted))
        assert near <= nearest + 1e-7 * offset * 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rows_of_16_bits_are_clustered_in_float32(dtype):
    x = (blobs(200, 4, 5) + 40).to(dtype)
    narrow, wide = kmeans(x, 8, generator()), kmeans(x.double(), 8, generator())
    assert torch.equal(narrow.labels, wide.labels)


def test_the_seed_decides_which_of_equal_rows_fill_empty_clusters_and_are_nearest():
    x = torch.eye(4).repeat_interleave(50, 0)
    answers = []
    for seed in (0, 0, 1, 2):
        draw = generator(seed)
        rows = nearest_to_centres(x, kmeans(x, 20, draw), draw)
        assert len(rows.unique()) == 20
        assert (rows // 50).bincount(minlength=4).max() < 15
        answers.append(rows.tolist())
    assert answers[0] == answers[1]
    assert len(set(map(tuple, answers))) == 3
    result = kmeans(x, 4, generator())
    drawn = [nearest_to_centres(x, result, generator(seed)) for seed in range(200)]
    assert stats.chisquare(torch.cat(drawn).bincount(minlength=200)).pvalue > 1e-3
    assert torch.equal(nearest_to_centres(x, result) % 50, torch.zeros(4, dtype=torch.int64))


def test_float64_stays_float64():
    assert kmeans(noise().double(), 5, generator()).centres.dtype == torch.float64


def test_blocks_do_not_change_the_answer(monkeypatch):
    x = blobs(400, 8, 6)
    whole = kmeans(x, 6, generator())
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 100)
    blocked = kmeans(x, 6, generator())
    assert blocked.inertia == pytest.approx(whole.inertia, rel=1e-4)
    assert (blocked.labels == whole.labels).float().mean() > 0.99


@pytest.mark.parametrize("k", [0, -1, 11])
def test_an_impossible_number_of_clusters(k):
    with pytest.raises(ValueError, match=f"between 1 and 10 clusters .* got k={k}"):
        kmeans(noise(10, 2), k, generator())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_device_does_not_change_the_quality():
    x = blobs()
    on_cpu, on_cuda = kmeans(x, 20, generator()), kmeans(x.cuda(), 20, generator())
    assert on_cuda.centres.device.type == "cuda"
    assert on_cuda.inertia == pytest.approx(on_cpu.inertia, rel=0.02)


@pytest.mark.timeout(60)
def test_rows_that_are_not_numbers_end_the_seeding():
    """A comparison with NaN is false, and a seeding that waits for an acceptance waited forever."""
    x = blobs()
    x[3] = torch.nan
    assert len(kmeans(x, 20, generator()).centres) == 20


@pytest.mark.parametrize("far", [0, 1000])
@pytest.mark.parametrize("k", [1, 20, 400, 1500])
def test_rows_that_are_made_when_they_are_asked_for(k, far, monkeypatch):
    x = blobs() + far
    x[5:50] = x[5]
    wanted = kmeans(x, k, generator())
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 16 * 401)
    rows = LazyRows(lambda rows: x[rows], len(x), most=0)
    found = kmeans(rows, k, generator())
    assert found.iterations == wanted.iterations
    assert torch.equal(found.labels, wanted.labels)
    assert torch.equal(found.centres, wanted.centres)
    assert found.inertia == wanted.inertia
    nearest = (nearest_to_centres(of, wanted, generator()) for of in (rows, x))
    assert torch.equal(*nearest)
