from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from alframe.ops import kmeans, seeding


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(n=1500, d=16, k=20):
    g = generator(1)
    centres = 2 * torch.randn(k, d, generator=g)
    return centres[torch.randint(k, (n,), generator=g)] + torch.randn(n, d, generator=g)


def unit_features(n=1500, d=32):
    x = torch.randn(n, d, generator=generator(3)).relu()
    return x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("elements", [1, 20_000, 1 << 24])
def test_seeds_drawn_in_blocks_are_as_good_as_one_at_a_time(monkeypatch, elements):
    monkeypatch.setattr(seeding, "SEEDING_ELEMENTS", elements)
    x = unit_features()
    theirs = np.mean([KMeans(20, n_init=1, random_state=seed).fit(x.numpy()).inertia_ for seed in range(5)])
    assert np.mean([kmeans(x, 20, generator(seed)).inertia for seed in range(5)]) < 1.02 * theirs


def test_draws_follow_the_law():
    law = torch.tensor([0.0, 1.0, 4.0, 0.0, 5.0])
    drawn = seeding.drawn(law, torch.rand(20_000, generator=generator(), dtype=torch.float64))
    frequencies = drawn.bincount(minlength=5) / 20_000
    assert (frequencies - law / 10).abs().max() < 0.015
    assert frequencies[0] == frequencies[3] == 0
    everywhere_zero = seeding.drawn(torch.zeros(3), torch.rand(5, generator=generator(), dtype=torch.float64))
    assert (everywhere_zero < 3).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_the_same_in_blocks(monkeypatch, dtype):
    law = torch.rand(1000, generator=generator(), dtype=dtype) ** 4
    law[100:400] = 0
    uniforms = torch.rand(500, generator=generator(1), dtype=torch.float64)
    uniforms[:2] = torch.tensor([0.0, 1.0])
    whole, nothing = seeding.drawn(law, uniforms), seeding.drawn(0 * law, uniforms)
    for size in (1, 7, 150, 999):
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", size)
        assert torch.equal(seeding.drawn(law, uniforms), whole)
        assert torch.equal(seeding.drawn(0 * law, uniforms), nothing)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_captured_seeding_is_the_seeding(monkeypatch):
    x = blobs(3000).cuda()
    recorded, record = [], seeding.Recorder.record
    monkeypatch.setattr(
        seeding.Recorder, "record", lambda *given: recorded.append(record(*given)) or recorded[-1]
    )
    captured = kmeans(x, 200, generator())
    assert len(recorded) == 1
    monkeypatch.setattr(seeding, "WORTH", 201)
    one_by_one = kmeans(x, 200, generator())
    assert len(recorded) == 1
    assert torch.equal(captured.centres, one_by_one.centres)


@pytest.mark.parametrize("fails", [False, True])
def test_a_repeated_choice_is_the_choice(monkeypatch, fails):
    x, records, replays = blobs(), [], []

    def record(step):
        records.append(step)
        if fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        return lambda: replays.append(step())

    def seeds():
        begun = seeding._Seeding(x, x.square().sum(1), 100)
        begun._recorder = SimpleNamespace(record=record)
        monkeypatch.setattr(seeding, "_Seeding", lambda *_: begun)
        return seeding.greedy_seeds(x, x.square().sum(1), 100, generator())

    expected = seeding.greedy_seeds(x, x.square().sum(1), 100, generator())
    assert torch.equal(seeds(), expected)
    assert len(records) == 1
    assert bool(replays) != fails


def one_after_the_other(x, k, generator):
    """Greedy k-means++ with candidates for several seeds at once, each of them looked at once, in order."""
    trials = 2 + int(np.log(k))
    closest, found = np.full(len(x), np.inf), []
    while len(found) < k:
        count = trials * min(1 + len(found) // 4, k - len(found), 1 + k // 4)
        law = np.cumsum(closest if found else np.ones(len(x)))
        uniforms, luck = (torch.rand(count, generator=generator, dtype=torch.float64).numpy() for _ in "ab")
        candidates, then = np.searchsorted(law, uniforms * law[-1], side="right"), closest.copy()
        left = list(zip(candidates, luck, strict=True))
        while len(found) < k:
            tried = []
            while left and len(tried) < trials:
                candidate, chance = left.pop(0)
                if chance * then[candidate] <= closest[candidate]:
                    tried.append(candidate)
            if len(tried) < trials:
                break
            lowered = np.minimum(((x[tried][:, None] - x) ** 2).sum(axis=2), closest)
            best = lowered.sum(axis=1).argmin()
            closest = lowered[best]
            found.append(tried[best])
    return x[found]


@pytest.mark.parametrize("seed", range(3))
def test_each_candidate_is_looked_at_once(seed):
    x = blobs(300).double()
    expected = one_after_the_other(x.numpy(), 40, generator(seed))
    found = seeding.greedy_seeds(x, x.square().sum(1), 40, generator(seed))
    np.testing.assert_array_equal(found, expected)
