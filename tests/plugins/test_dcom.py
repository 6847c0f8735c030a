import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax
from torch.nn.functional import normalize

import alframe
from alframe import Euclidean, UsageError
from alframe.ops import Kernel, cover_greedy
from alframe_dcom import Options, _dcom
from alframe_dcom._dcom import competence_at, halved, known_radii, largest_pure, pick


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit(n, d=5, seed=0):
    return normalize(torch.rand(n, d, generator=generator(seed), dtype=torch.float64))


class Published:
    """All that a query computes, in float64, by matrices of distances between all samples."""

    def __init__(self, problem, radius=0.6):
        pool, labelled = (X / np.linalg.norm(X, axis=1, keepdims=True) for X in (problem.X, problem.XL))
        self.between, self.to_labelled = cdist(pool, pool), cdist(pool, labelled)
        L, N = len(labelled), len(pool)
        p = softmax(np.concatenate([problem.X, problem.XL]) @ problem.W.T + problem.b, axis=1)
        two = np.sort(p, axis=1)[:, -2:]
        margin = two[:, 1] - two[:, 0]
        classes = np.concatenate([p[:N].argmax(axis=1), problem.yL])
        coverage = self.coverage(np.full(L, radius))
        distances = np.concatenate([self.to_labelled.T, cdist(labelled, labelled)], axis=1)
        distances[np.arange(L), N + np.arange(L)] = 0
        self.radii = np.array(
            [
                self.bisect(d, classes == y, 0.4 + 0.2 * coverage)
                for d, y in zip(distances, problem.yL, strict=True)
            ]
        )
        self.covered = (self.to_labelled < self.radii).any(axis=1)
        self.final = self.coverage(self.radii)
        self.competence = round((1 + math.exp(-10)) / (1 + math.exp(-50 * (self.final - 0.8))), 3)
        self.doubts = (margin.max() - margin[:N]) / max(margin.max() - margin.min(), 1e-300)

    def coverage(self, radii):
        return ((self.to_labelled < radii).any(axis=1).sum() + len(radii)) / (len(self.between) + len(radii))

    @staticmethod
    def bisect(distances, agrees, purity):
        low, high = 0.0, 1.1
        while high - low > 0.05:
            middle = (low + high) / 2
            inside = distances < middle
            low, high = (middle, high) if agrees[inside].sum() >= purity * inside.sum() else (low, middle)
        return (low + high) / 2

    def mixes(self, picks):
        """The value of each sample after some picks."""
        ball = self.between < self.radii.mean()
        np.fill_diagonal(ball, True)
        open_ = ~self.covered & ~ball[picks].any(axis=0)
        counts, doubts = (ball & open_).sum(axis=1).astype(float), self.doubts.copy()
        doubts[picks] = 0
        counts, doubts = (v / v.max() if v.max() else v for v in (counts, doubts))
        mix = self.competence * doubts + (1 - self.competence) * counts
        mix[picks] = -1
        return mix


def test_a_query_is_the_published_one(problem, request):
    result = alframe.query("dcom", **problem.query)
    wanted = Published(problem)
    assert len(result.indices.unique()) == min(problem.n, len(problem.X))
    assert result.topped_up == 0
    logged = result.logged["dcom"]
    assert logged["delta"] == pytest.approx(wanted.radii.mean(), abs=0.02)
    if abs(logged["coverage"] - wanted.final) > 1e-6 or abs(logged["delta"] - wanted.radii.mean()) > 1e-9:
        assert "identical" in request.node.name  # all at the edge of a ball, to 32 bits
        return
    assert logged["competence"] == wanted.competence
    picks = result.indices.tolist()
    for step, chosen in enumerate(picks):
        mix = wanted.mixes(picks[:step])
        assert mix[chosen] > mix.max() - 1e-4


@pytest.mark.parametrize("radius", [0.2, 0.5])
@pytest.mark.parametrize("labels", [0, 6])
def test_where_margin_does_not_count_it_is_probcover(radius, labels):
    x, centres = unit(300), unit(labels, seed=1)
    covered = torch.tensor((cdist(x, centres) < radius).any(axis=1))
    wanted = cover_greedy(
        Euclidean(x), Euclidean(centres), 40, generator(3), kernel=Kernel("top-hat", radius)
    ).picks
    doubts, every = torch.rand(300, generator=generator(9), dtype=torch.float64), torch.ones(300) > 0
    picks = pick(Euclidean(x), covered, doubts, 0.0, radius, every, len(wanted), generator(3))
    assert torch.equal(picks, wanted)


def test_where_margin_alone_counts_it_is_margin():
    x, doubts = unit(100), torch.rand(100, generator=generator(9), dtype=torch.float64)
    none, every = torch.zeros(100) > 0, torch.ones(100) > 0
    picks = pick(Euclidean(x), none, doubts, 1.0, 0.3, every, 20, generator())
    assert torch.equal(picks, doubts.argsort(descending=True)[:20])


def test_from_a_cold_start_it_is_probcover_with_the_first_radius(make):
    problem = make(N=200)
    result = alframe.query("dcom", features=problem.X, n=10, options={"radius": 0.5}, device="cpu")
    x = normalize(torch.tensor(problem.X))
    draws = alframe.seeds.generator(0, 0, "select", "dcom")
    wanted = cover_greedy(Euclidean(x), Euclidean(x[:0]), 10, draws, kernel=Kernel("top-hat", 0.5)).picks
    assert torch.equal(result.indices[: len(wanted)], wanted)
    assert result.logged["dcom"] == {"delta": 0.5, "coverage": 0.0, "competence": 0.0}


def test_competence_rises_from_0_to_1():
    assert competence_at(1.0, 50.0, 0.8) == 1
    assert competence_at(0.0, 50.0, 0.8) == 0
    assert competence_at(0.8, 50.0, 0.8) == 0.5
    assert competence_at(0.0, 1e6, 0.8) == 0  # no overflow


def test_the_last_samples_can_be_picked_and_count(monkeypatch):
    """Trap: balls in whole batches of 700, so that the last samples have none."""
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 70)
    x = torch.eye(4).repeat_interleave(torch.tensor([1, 2, 3, 12]), 0)
    x = torch.cat([x, x[-1:]])
    none, every = torch.zeros(19) > 0, torch.ones(19) > 0
    picks = pick(Euclidean(x), none, torch.zeros(19, dtype=torch.float64), 0.0, 0.1, every, 4, generator())
    assert x[picks].argmax(dim=1).tolist() == [3, 2, 1, 0]
    assert (x[picks[0]] == x[-1]).all()


def test_where_all_is_covered_picks_are_distinct_and_by_margin():
    """Trap: the largest of zeros is the first sample, again and again."""
    x = unit(30)
    every = torch.ones(30) > 0
    doubts = torch.rand(30, generator=generator(2), dtype=torch.float64)
    picks = pick(Euclidean(x), every, doubts, 0.3, 0.5, every, 30, generator())
    assert torch.equal(picks, doubts.argsort(descending=True))
    assert len(pick(Euclidean(x), every, doubts, 0.0, 0.5, every, 30, generator()).unique()) == 30


def test_radii_are_numbers_and_not_rounded_to_two_digits():
    """Trap: kept as text of two digits, 0.567 is 0.57."""
    state = {"positions": torch.tensor([7, 3]), "radii": torch.tensor([0.56789, 0.1], dtype=torch.float64)}
    radii, is_new = known_radii(torch.tensor([3, 9, 7]), state, 0.6)
    assert radii.tolist() == pytest.approx([0.1, (0.56789 + 0.1) / 2, 0.56789], abs=1e-12)
    assert is_new.tolist() == [False, True, False]
    radii, is_new = known_radii(torch.tensor([4, 5]), {}, 0.6)
    assert radii.tolist() == [0.6, 0.6]
    assert is_new.all()


def test_the_largest_pure_ball_is_exact():
    distances = torch.tensor([[0.0, 0.2, 0.3, 0.5, 0.5, 0.9]], dtype=torch.float64)
    agrees = torch.tensor([[True, False, True, True, False, False]])
    # shares in balls of radius .2, .3, .5, .9, 1.1 are 1, 1/2, 2/3, 3/5, 1/2
    for purity, wanted in ((0.6, 0.9), (0.61, 0.5), (0.67, 0.2), (0.5, 1.1), (1.0, 0.2)):
        assert largest_pure(distances, agrees, purity, Options()).item() == wanted


def test_halving_supposes_that_purity_falls():
    """The larger pure ball beyond an impure one is what the exact search finds and halving does not."""
    distances = torch.tensor([[0.0, 0.3, 0.4, 0.8, 0.8, 0.8]], dtype=torch.float64)
    agrees = torch.tensor([[True, False, False, True, True, True]])
    assert halved(distances, agrees, 0.6, Options()).item() == pytest.approx(0.3, abs=0.05)
    assert largest_pure(distances, agrees, 0.6, Options()).item() == 1.1


@pytest.mark.parametrize("search", ["bisect", "exact"])
def test_radii_are_learnt_once_and_kept_by_position(search):
    digits = alframe.load_dataset("digits")
    x = torch.as_tensor(digits.inputs[:200], dtype=torch.float32).flatten(1)
    from alframe.data.samples import Samples
    from alframe.learning.rows import NetworkRows

    torch.manual_seed(0)
    model = alframe.Classifier(torch.nn.Identity(), torch.nn.Linear(x.shape[1], 10)).eval()
    state = {}

    def ask(at, labelled_at):
        rows = [NetworkRows(model, Samples(x, x.device), i, 0) for i in (at, labelled_at)]
        ctx = alframe.Context(1, 10, x.device, generator(5), model, state)
        labelled = alframe.LabelledView(rows[1], torch.as_tensor(digits.targets[labelled_at]))
        options = Options(search=search)
        return at[_dcom.cover_and_doubt(alframe.PoolView(rows[0]), labelled, None, 5, options, ctx)]

    first = ask(torch.arange(20, 200), torch.arange(20))
    learnt = dict(zip(state["positions"].tolist(), state["radii"].tolist(), strict=True))
    assert torch.equal(ask(torch.arange(20, 200), torch.arange(20)), first)
    left = torch.tensor([i for i in range(20, 200) if i not in first])
    ask(left, torch.cat([first, torch.arange(20)]))
    later = dict(zip(state["positions"].tolist(), state["radii"].tolist(), strict=True))
    assert later.items() > learnt.items()
    assert set(later) == set(learnt) | set(first.tolist())


def test_what_may_not_be_picked_is_covered_all_the_same(make_plugin, make):
    from alframe.registry.registry import Registry

    registry = Registry()
    tenth = make_plugin(
        alframe_score=lambda pool: torch.where(torch.arange(len(pool)) % 10 == 0, 1.0, -torch.inf)
    )
    registry.register(tenth, "tenth")
    result = alframe.query("tenth", stages={"select": "dcom"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"middle": 1.5}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'dcom'"):
        alframe.query("dcom", options=options, **make().query)
