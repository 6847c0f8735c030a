import itertools

import numpy as np
import pytest
import torch
from scipy import special, stats

import alframe
from alframe_falcun._falcun import chances, draw_relevant, uncertainty

FOUR = np.array([[0.5, 0.5], [0.52, 0.48], [0.9, 0.1], [0.1, 0.9]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def laws(p, picks, gamma):
    """Literally: the probabilities of the next pick after some, in float64."""
    ordered = np.sort(p, axis=1)
    u = 1 - (ordered[:, -1] - ordered[:, -2])
    d = u.copy()
    for pick in picks:
        d = np.minimum(d, np.abs(p - p[pick]).sum(axis=1))
    rest = [i for i in range(len(p)) if i not in picks]
    low, high = d[rest].min(), d[rest].max()
    r = (d - low) / (high - low) + u if high > low else u.copy()
    law = np.zeros(len(p))
    law[rest] = r[rest] ** gamma if r[rest].max() > 0 else 1
    return law / law.sum()


def ours(p, picks, gamma):
    p = torch.as_tensor(p)
    u = uncertainty(p)
    d, left = u.clone(), torch.ones(len(p), dtype=torch.bool)
    for pick in picks:
        d = torch.minimum(d, torch.cdist(p, p[[pick]], p=1)[:, 0].double())
        left[pick] = False
    law = chances(u, d, left, gamma)
    return (law / law.sum()).numpy()


def test_by_hand():
    np.testing.assert_allclose(ours(FOUR, [], 10.0), [0.613, 0.387, 6e-11, 6e-11], atol=5e-4)
    np.testing.assert_allclose(ours(FOUR, [0], 10.0), [0, 0.051, 0.4745, 0.4745], atol=5e-4)
    assert ours(FOUR, [], 10.0)[2] == pytest.approx(6e-11, rel=0.1)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 10.0])
def test_the_law_is_the_formula_after_any_picks(problem, gamma):
    p = special.softmax(problem.X @ problem.W.T + problem.b, axis=1)
    picks = np.random.default_rng(0).permutation(len(p))
    for count in (0, 1, 2, len(p) // 2, len(p) - 1):
        np.testing.assert_allclose(ours(p, picks[:count], gamma), laws(p, picks[:count], gamma), atol=1e-12)


@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize("gamma", [0.0, 2.0, 10.0])
def test_sequences_are_as_likely_as_the_formula_says(gamma):
    """2,000 draws of two of four: each of the twelve sequences."""
    p = special.softmax(np.random.default_rng(1).normal(size=(4, 3)), axis=1)
    sequences = list(itertools.permutations(range(4), 2))
    wanted = np.array([laws(p, [], gamma)[i] * laws(p, [i], gamma)[j] for i, j in sequences])
    draws = generator()
    found = np.zeros(12)
    for _ in range(2000):
        found[sequences.index(tuple(draw_relevant(torch.as_tensor(p), 2, gamma, draws).tolist()))] += 1
    often = wanted > 0.002
    assert (
        stats.chisquare(found[often], wanted[often] / wanted[often].sum() * found[often].sum()).pvalue > 1e-3
    )


def test_uncertainty_is_in_the_relevance():
    """Trap: the program's constructor leaves it out by default, its settings do not."""
    assert ours(FOUR, [0], 10.0)[1] > 0.05


def test_distances_are_not_normalised_in_place():
    """Trap: d normalised in place piles up errors; here d is raw, and falls only to distances from picks."""
    p = special.softmax(3 * np.random.default_rng(0).normal(size=(6, 3)), axis=1)
    ordered = np.sort(p, axis=1)
    u = d = 1 - (ordered[:, -1] - ordered[:, -2])
    for pick in (0, 1, 2):
        d = (d - d.min()) / (d.max() - d.min())
        d = np.minimum(d, np.abs(p - p[pick]).sum(axis=1))
    in_place = ((d - d[3:].min()) / (d[3:].max() - d[3:].min()) + u)[3:] ** 10
    law = ours(p, [0, 1, 2], 10.0)[3:]
    np.testing.assert_allclose(law, laws(p, [0, 1, 2], 10.0)[3:], rtol=1e-9)
    assert np.abs(law - in_place / in_place.sum()).max() > 1e-3


def test_picks_are_not_in_the_range():
    """Trap: with a pick in it, whose distance is 0, the least d is 0."""
    law = ours(FOUR, [0], 1.0)
    d, u = np.array([0.04, 0.2, 0.2]), np.array([0.96, 0.2, 0.2])
    with_the_pick = d / 0.2 + u
    assert np.abs(law[1:] - with_the_pick / with_the_pick.sum()).max() > 0.01
    np.testing.assert_allclose(law, laws(FOUR, [0], 1.0), rtol=1e-9)


def test_no_power_is_uniform_and_a_large_one_takes_the_best(make):
    p = torch.as_tensor(FOUR)
    np.testing.assert_allclose(ours(FOUR, [0], 0.0), [0, 1 / 3, 1 / 3, 1 / 3])
    problem = make()
    best = special.softmax(problem.X @ problem.W.T + problem.b, axis=1)
    picks = alframe.query("falcun", options={"gamma": 1e7}, **problem.query).indices.tolist()
    for step, pick in enumerate(picks):
        assert laws(best, picks[:step], 1.0)[pick] >= laws(best, picks[:step], 1.0).max() * (1 - 1e-4)
    assert draw_relevant(p, 1, 1e300, generator()).tolist() == [0]


def test_certain_predictions_are_drawn_uniformly():
    """All relevances are 0: of equal ones, whoever is picked, each of the others is as likely."""
    found = np.zeros(10)
    for seed in range(300):
        picks = draw_relevant(torch.eye(2)[[0] * 10], 3, 10.0, generator(seed))
        assert len(picks.unique()) == 3
        found[picks] += 1
    assert stats.chisquare(found).pvalue > 1e-3


@pytest.mark.parametrize("gamma", [0.0, 10.0, 1e6])
def test_all_rows_are_picked_once(problem, gamma):
    """Also where chances vanish beside others, and those of what is left are all 0 but one."""
    p = torch.as_tensor(special.softmax(problem.X @ problem.W.T + problem.b, axis=1))
    for probs in (p, p.float()):
        assert sorted(draw_relevant(probs, len(p), gamma, generator()).tolist()) == list(range(len(p)))


def test_luck_of_almost_one_is_no_row_that_is_gone(monkeypatch):
    """Rounding of the product: the last row has no chance and is never drawn."""
    monkeypatch.setattr(torch, "rand", lambda *size, **kinds: torch.ones(*size, dtype=torch.float64))
    p = torch.eye(3)[[0, 1, 2]].double()
    assert sorted(draw_relevant(p, 3, 10.0, generator()).tolist()) == [0, 1, 2]


def test_the_seed_decides(make):
    problem = make()
    answers = []
    for seed in (0, 0, 1):
        problem.query["seed"] = seed
        answers.append(alframe.query("falcun", **problem.query).indices.tolist())
    assert answers[0] == answers[1] != answers[2]
    assert all(len(set(picks)) == 20 for picks in answers)


def test_scores_of_minus_infinity_are_never_picked(make, make_plugin):
    from alframe.registry.registry import Registry

    registry = Registry()
    scores = torch.where(torch.arange(150) % 10 == 0, 1.0, -torch.inf)
    registry.register(make_plugin(alframe_score=lambda pool: scores), "tenth")
    result = alframe.query("tenth", stages={"select": "falcun"}, registry=registry, **make().query)
    assert (result.indices[:15] % 10 == 0).all()
    assert result.topped_up == 5


def test_one_class_and_no_rows():
    assert uncertainty(torch.ones(2, 1)).tolist() == [0, 0]
    assert draw_relevant(torch.ones(0, 3), 0, 10.0, generator()).tolist() == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_picks_as_the_cpu_does(make):
    problem = make(N=2000, n=50)
    on_cpu = alframe.query("falcun", **problem.query).indices.tolist()
    problem.query["device"] = "cuda"
    assert alframe.query("falcun", **problem.query).indices.tolist() == on_cpu
