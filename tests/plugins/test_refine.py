from types import SimpleNamespace

import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe_refine import NINE, Options
from alframe_refine._refine import drawn, filtered, subset_size


def context(seed=0):
    progress = []
    return SimpleNamespace(
        generator=torch.Generator().manual_seed(seed), progress=lambda *numbers: progress.append(numbers)
    )


WORTH = {"low": lambda p: p, "high": lambda p: -p, "middle": lambda p: abs(p - 500)}


def ask(strategy, positions, count):
    """The lowest, the highest, or those nearest to 500."""
    return positions[WORTH[strategy](positions).argsort(stable=True)[:count]]


def transcribed(pool, n, options, draws):
    """arXiv 2511.22344 with lists and sets; subsets are the first of a permutation."""
    pools = []
    for depth in range(options.depth):
        size = options.first_size if depth == 0 else round(options.alpha * len(pool))
        size, union = min(len(pool), max(n, size)), set()
        for strategy in options.strategies:
            for _ in range(options.subsets):
                subset = pool
                if size < len(pool):
                    subset = [pool[i] for i in torch.randperm(len(pool), generator=draws)[:size].tolist()]
                union |= set(sorted(subset, key=lambda p: int(WORTH[strategy](p)))[:n])
        pool = sorted(union)
        most = max(n, options.at_most)
        if len(pool) > most:
            pool = sorted(pool[i] for i in torch.randperm(len(pool), generator=draws)[:most].tolist())
        pools.append(pool)
    return pools


@pytest.mark.parametrize("at_most", [10_000, 40, 3])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_is_the_algorithm(n, at_most):
    options = Options(strategies=("low", "high"), depth=4, subsets=3, first_size=200, at_most=at_most)
    pools = filtered(torch.arange(1000), n, options, ask, context())
    assert [pool.tolist() for pool in pools] == transcribed(
        list(range(1000)), n, options, torch.Generator().manual_seed(0)
    )


def test_sizes_are_the_papers():
    assert (Options().depth, Options().subsets, len(NINE)) == (5, 11, 9)
    assert subset_size(50_000, 100, 0, Options()) == 5000
    assert subset_size(9_900, 100, 1, Options()) == 3960
    assert subset_size(3_000, 100, 0, Options()) == 3000
    assert subset_size(50, 100, 2, Options()) == 50


def test_subsets_are_of_the_pool_and_have_at_least_the_budget():
    """Trap: of a filtered pool of 30 a share of 0.4 is too little for a budget of 20."""
    sizes = []

    def asked(strategy, positions, count):
        sizes.append((len(positions), count))
        return ask(strategy, positions, count)

    options = Options(strategies=("low",), depth=3, subsets=2)
    pools = list(filtered(torch.arange(30), 20, options, asked, context()))
    assert all(len(pool) >= 20 for pool in pools)
    assert all(size >= 20 for size, _ in sizes)


def test_a_part_is_ascending_and_all_of_it_draws_nothing():
    draws = torch.Generator().manual_seed(0)
    pool = torch.arange(0, 100, 3)
    part = drawn(pool, 10, draws)
    assert (part.diff() > 0).all()
    assert set(part.tolist()) <= set(pool.tolist())
    before = draws.get_state()
    assert torch.equal(drawn(pool, 34, draws), pool)
    assert torch.equal(draws.get_state(), before)


QUICK = {"depth": 2, "subsets": 2, "first_size": 60}


def test_without_a_filter_it_is_uherding(make):
    query = make(L=40).query
    options = {"depth": 0, "uherding": {"calibrate": "none"}}
    found = alframe.query("refine", options=options, **query)
    alone = alframe.query("uherding", options={"calibrate": "none"}, **query)
    assert found.indices.tolist() == alone.indices.tolist()


@pytest.fixture
def asked(monkeypatch):
    """Who was asked, about which samples, and which of them it chose."""
    seen = []
    original = alframe.Context.ask

    def ask_and_note(self, strategy, pool, labelled, n, options=None, pending=None):
        picks = original(self, strategy, pool, labelled, n, options, pending)
        seen.append((strategy, pool.positions.tolist(), pool.positions[picks].tolist()))
        return picks

    monkeypatch.setattr(alframe.Context, "ask", ask_and_note)
    return seen


def test_with_random_alone_it_is_uherding_on_a_random_part(make, asked):
    problem = make(N=400, L=40, n=10)
    options = {"strategies": "random", "alpha": 1.0, "subsets": 4, "uherding": {"calibrate": "none"}}
    found = alframe.query("refine", options=options, **problem.query)
    part = asked[-1][1]
    assert 10 < len(part) <= 40
    alone = alframe.query(
        "uherding", options={"calibrate": "none"}, **(problem.query | {"features": problem.X[part]})
    )
    assert found.indices.tolist() == [part[i] for i in alone.indices]


def test_the_last_strategy_sees_what_the_filters_leave_and_no_more(make, asked):
    options = QUICK | {"strategies": "margin,random", "last": "coreset"}
    found = alframe.query("refine", options=options, **make(N=200).query)
    assert [name for name, *_ in asked] == ["margin", "margin", "random", "random"] * 2 + ["coreset"]
    unions = [sorted({pick for *_, picks in part for pick in picks}) for part in (asked[:4], asked[4:8])]
    assert all(set(subset) <= set(unions[0]) for _, subset, _ in asked[4:8])
    assert all(len(subset) == 60 for _, subset, _ in asked[:4])
    assert asked[8][1] == unions[1]
    assert found.indices.tolist() == asked[8][2]
    assert found.logged["refine"] == {"left_1": len(unions[0]), "left_2": len(unions[1])}


def test_all_nine_answer(make):
    found = alframe.query("refine", options=QUICK | {"subsets": 1}, **make(L=40).query)
    assert len(found.indices.unique()) == 20
    assert found.topped_up == 0


def test_without_a_head_it_says_what_is_missing(make):
    problem = make()
    query = {"features": problem.X, "probs": np.full((150, 5), 0.2), "n": 5, "device": "cpu"}
    query |= {"labelled_rows": range(20), "labelled_targets": problem.yL}
    with pytest.raises(UsageError, match=r"^refine asks alfamix, which asks the head .*pass head=\(W, b\)"):
        alframe.query("refine", **query)


@pytest.mark.parametrize(
    "options", [{"depth": -1}, {"alpha": 0}, {"alpha": 1.1}, {"subsets": 0}, {"strategies": ""}]
)
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'refine'"):
        alframe.query("refine", options=options, **make().query)
