"""Strategies that ask other strategies."""

import dataclasses

import pytest
import torch

import alframe
from alframe import PluginError, PluginInfo, UsageError, option
from alframe.learning.pipeline import Pipeline
from alframe.registry.registry import installed
from doubles import fast_learner


@dataclasses.dataclass(frozen=True)
class Options:
    of: str = option("margin", "the strategy that is asked")


def asking(make_plugin, select, name="asks", options=Options, others=()):
    registry = installed().copy()
    info = PluginInfo(summary="asks", options=options, asks=("of",), cold_start=True, api=4)
    registry.register(make_plugin(alframe_info=lambda: info, alframe_select=select), name)
    for other, plugin in others:
        registry.register(plugin, other)
    return registry


def picks_of(toy, registry, strategy="asks", n=10, **more):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), strategy, registry=registry, **more)
    learner.fit()
    return learner, learner.query(n)


def of_all(pool, labelled, n, options, ctx):
    return ctx.ask(options.of, pool, labelled, n)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "coreset", "maxherding", "uherding"])
def test_the_answer_is_the_others_own(toy, make_plugin, strategy):
    registry = asking(make_plugin, of_all)
    _, found = picks_of(toy, registry, options={"asks": {"of": strategy}})
    _, wanted = picks_of(toy, registry, strategy)
    assert found.indices.tolist() == wanted.indices.tolist()


def test_of_a_part_of_the_pool(toy, make_plugin):
    def of_every_third(pool, labelled, n, ctx):
        part = torch.arange(0, len(pool), 3)
        return part[ctx.ask("margin", pool[part], labelled, n)]

    learner, found = picks_of(toy, asking(make_plugin, of_every_third))
    top = learner.probabilities(learner.unlabelled[::3]).topk(2).values
    wanted = learner.unlabelled[::3][(top[:, 0] - top[:, 1]).argsort()[:10]]
    assert found.indices.tolist() == wanted.tolist()


def test_the_network_is_asked_once_by_all(toy, make_plugin, count_calls):
    def all_of_them(pool, labelled, n, ctx):
        for strategy in ("coreset", "badge", "maxherding"):
            ctx.ask(strategy, pool, labelled, n)
            ctx.ask(strategy, pool[:30], labelled, n)
        return ctx.ask("margin", pool, labelled, n)

    learner, _ = picks_of(toy, asking(make_plugin, all_of_them))
    learner.model.features = counted = count_calls(learner.model.features)
    learner.ask(5)
    assert counted.counter.calls == 2  # for the pool, and for the labelled set


def test_what_one_has_read_the_next_one_knows(toy, make_plugin):
    seen = []

    def reads(pool):
        seen.append("probs" in vars(pool))
        return pool.probs[:, 0]

    def twice(pool, labelled, n, ctx):
        part = pool[: len(pool) // 2]
        ctx.ask("reads", part, labelled, n)
        return ctx.ask("reads", part, labelled, n)

    reader = make_plugin(alframe_score=reads)
    picks_of(toy, asking(make_plugin, twice, others=[("reads", reader)]))
    assert seen == [False, True]


def test_each_call_has_random_numbers_of_its_own(toy, make_plugin):
    def three(pool, labelled, n, ctx):
        drawn = [ctx.ask("random", pool, labelled, n).tolist() for _ in range(3)]
        answers.append(drawn)
        return ctx.ask("random", pool, labelled, n)

    answers = []
    registry = asking(make_plugin, three)
    picks_of(toy, registry)
    picks_of(toy, registry)
    assert answers[0] == answers[1]
    assert len({tuple(one) for one in answers[0]}) == 3


def test_what_the_other_keeps_is_kept_apart(toy, make_plugin):
    def counts(pool, n, ctx):
        ctx.state["queries"] = ctx.state.get("queries", 0) + 1
        ctx.log("queries", ctx.state["queries"])
        return torch.arange(n)

    counter = make_plugin(alframe_select=counts)
    registry = asking(make_plugin, of_all, others=[("counts", counter)])
    learner, found = picks_of(toy, registry, options={"asks": {"of": "counts"}})
    assert found.logged == {"asks/counts": {"queries": 1}}
    learner.query(5)
    assert learner.state_dict()["plugins"]["asks/counts"] == {"queries": 2}
    assert "counts" not in learner.state_dict()["plugins"]


def test_caches_of_the_other_are_kept_of_the_whole_pool_alone(toy, make_plugin):
    seen = []

    def caches(pool, n, ctx):
        seen.append((len(pool), ctx.cache.get("size"), ctx.round_cache.get("size")))
        ctx.cache["size"] = ctx.round_cache["size"] = len(pool)
        return torch.arange(n)

    def both(pool, labelled, n, ctx):
        ctx.ask("caches", pool[:50], labelled, n)
        return ctx.ask("caches", pool, labelled, n)

    registry = asking(make_plugin, both, others=[("caches", make_plugin(alframe_select=caches))])
    learner, _ = picks_of(toy, registry, stages={"train": "linear-probe"})
    learner.query(3)
    assert seen == [(50, None, None), (100, None, None), (50, None, None), (100, 100, 100)]


def test_a_strategy_that_chooses_fewer_is_topped_up_and_that_is_logged(toy, make_plugin):
    few = make_plugin(alframe_select=lambda pool, n: torch.arange(2))
    registry = asking(make_plugin, of_all, others=[("few", few)])
    _, found = picks_of(toy, registry, options={"asks": {"of": "few"}})
    assert found.logged == {"asks/few": {"topped_up": 8}}
    assert len(found.indices.unique()) == 10
    assert found.topped_up == 0


def test_options_are_the_users_or_those_of_the_call(toy, make_plugin):
    @dataclasses.dataclass(frozen=True)
    class Start:
        first: int = option(0, "where")

    def from_there(pool, n, options):
        return (torch.arange(n) + options.first) % len(pool)

    def both(pool, labelled, n, options, ctx):
        own = ctx.ask("starts", pool, labelled, 2, {"first": 7})
        return torch.cat([own, ctx.ask("starts", pool, labelled, 2)])

    info = PluginInfo(summary="starts", options=Start)
    starts = make_plugin(alframe_info=lambda: info, alframe_select=from_there)
    registry = asking(make_plugin, both, others=[("starts", starts)])
    learner, found = picks_of(toy, registry, options={"asks": {"of": "starts"}, "starts": {"first": 30}}, n=4)
    assert found.picks.tolist() == [7, 8, 30, 31]
    assert learner.pipeline.label == "asks+of=starts+starts.first=30"
    with pytest.raises(UsageError, match="unknown option of 'starts' 'last'"):
        picks_of(toy, registry, options={"starts": {"last": 1}, "asks": {"of": "starts"}})


def test_what_is_pending_is_passed_on(toy, make_plugin):
    def passes(pool, labelled, n, options, ctx, pending):
        return ctx.ask(options.of, pool, labelled, n, pending=pending)

    registry = asking(make_plugin, passes)
    answers = []
    for strategy in ("asks", "coreset"):
        learner, _ = picks_of(toy, registry, strategy, options={} if strategy != "asks" else CORESET)
        answers.append(learner.query(8, pending=learner.ask(10)).indices.tolist())
    assert answers[0] == answers[1]


CORESET = {"asks": {"of": "coreset"}}


def test_a_query_on_features_and_one_of_a_pool_in_files(make_plugin, tmp_path):
    import numpy as np

    def of_some(pool, labelled, n, options, ctx):
        part = torch.arange(0, len(pool), 2)
        return part[ctx.ask(options.of, pool[part], labelled, n)]

    registry = asking(make_plugin, of_some)
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(60, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    known = {"head": (W, None), "labelled_features": X[:5], "labelled_targets": [0, 1, 2, 0, 1]}
    found = alframe.query("asks", features=X, n=6, registry=registry, **known)
    wanted = alframe.query("margin", features=X[::2], n=6, registry=registry, **known)
    assert (found.indices // 2).tolist() == wanted.indices.tolist()
    assert set(found.indices.remainder(2).tolist()) == {0}
    np.save(tmp_path / "x.npy", X)
    stored = alframe.query("asks", features=tmp_path / "x.npy", n=6, memory=4000, registry=registry, **known)
    assert stored.indices.tolist() == found.indices.tolist()
    with pytest.raises(UsageError, match="30 rows of a pool in files, more than memory allows"):
        alframe.query("asks", features=tmp_path / "x.npy", n=6, memory=400, registry=registry, **known)


@pytest.mark.parametrize("given", ["features", "probs"])
def test_one_that_fills_up_keeps_away_from_its_own_picks(make_plugin, given):
    """As those of one query for all: coreset goes on from what it took."""

    def in_two_calls(pool, labelled, n, pending, ctx):
        first = ctx.ask("coreset", pool, labelled, 3, pending=pending)
        left = torch.ones(len(pool), dtype=torch.bool)
        left[first] = False
        rest = left.nonzero()[:, 0]
        taken = (pool[first], pending)
        return torch.cat([first, rest[ctx.ask("coreset", pool[rest], labelled, n - 3, pending=taken)]])

    registry = asking(make_plugin, in_two_calls)
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    known = {"features": x, "labelled_rows": [0, 1, 2], "labelled_targets": [0, 1, 0], "n": 8}
    if given == "probs":
        known["probs"] = torch.full((50, 2), 0.5)
    found = alframe.query("asks", registry=registry, **known)
    assert found.indices.tolist() == alframe.query("coreset", registry=registry, **known).indices.tolist()


def test_a_line_of_the_other_names_it(make_plugin):
    registry = asking(make_plugin, of_all)
    known = {"labelled_rows": [0, 1], "labelled_targets": [0, 1]}
    with pytest.raises(UsageError, match="^asks asks margin, which needs predictions: pass head"):
        alframe.query("asks", features=torch.randn(9, 2), n=2, registry=registry, **known)


class TestRefusals:
    """One line each, before anything runs where that is possible."""

    @pytest.mark.parametrize(
        ("of", "line"),
        [
            ("nobody", "asks.of: unknown strategy 'nobody'"),
            ("csv", "asks.of: 'csv' is no strategy: see `alframe list-strategies`"),
            ("asks", "strategies would ask each other in a circle: asks -> asks"),
            ("bald", "asks asks bald, and bald needs a network with dropout"),
            ("qbc", "asks asks qbc, which ensemble trains: add --train ensemble"),
        ],
    )
    def test_of_a_name(self, toy, make_plugin, of, line):
        registry = asking(make_plugin, of_all)
        with pytest.raises(UsageError, match=line):
            fast_learner(toy.hide_labels(), "asks", registry=registry, options={"asks": {"of": of}})

    def test_of_a_longer_circle(self, make_plugin):
        two = dataclasses.make_dataclass("Two", [("of", str, option("asks", "asked"))], frozen=True)
        info = PluginInfo(summary="asks, too", options=two, asks=("of",), api=4)
        other = make_plugin(alframe_info=lambda: info, alframe_select=of_all)
        registry = asking(make_plugin, of_all, others=[("other", other)])
        with pytest.raises(UsageError, match="asks -> other -> asks"):
            Pipeline(registry, "asks", options={"asks": {"of": "other"}})

    @pytest.mark.parametrize(
        ("call", "line"),
        [
            (lambda ctx, pool, labelled: ctx.ask("random", pool, labelled, 0), "samples from 1, got n=0"),
            (lambda ctx, pool, labelled: ctx.ask("random", labelled, labelled, 1), "wants views of the pool"),
            (lambda ctx, pool, labelled: ctx.ask("random", pool, pool, 1), "a view of the labelled set"),
            (
                lambda ctx, pool, labelled: ctx.ask("random", pool, labelled, 1, pending=labelled),
                "wants views of the pool as pool and as pending",
            ),
            (lambda ctx, pool, labelled: ctx.ask("nobody", pool, labelled, 1), "ctx.ask: unknown strategy"),
            (lambda ctx, pool, labelled: ctx.ask("csv", pool, labelled, 1), "ctx.ask: 'csv' is no strategy"),
            (lambda ctx, pool, labelled: ctx.ask("badge", pool, labelled, 1, {"biass": 1}), "'biass'"),
            (lambda ctx, pool, labelled: ctx.ask("badge", pool, labelled, 1, 3), "options as a dictionary"),
            (lambda ctx, pool, labelled: pool[torch.ones(3) > 0], "of 100 rows 3 booleans"),
        ],
    )
    def test_of_a_call_is_the_plugins_fault(self, toy, make_plugin, call, line):
        registry = asking(make_plugin, lambda pool, labelled, ctx: call(ctx, pool, labelled))
        with pytest.raises(PluginError, match=rf"plugin 'asks'.*{line}"):
            picks_of(toy, registry)

    def test_the_faulty_one_is_named(self, toy, make_plugin):
        faulty = make_plugin(alframe_score=lambda pool: pool.probs)
        registry = asking(make_plugin, of_all, others=[("faulty", faulty)])
        with pytest.raises(PluginError, match=r"plugin 'faulty' .*hook alframe_score"):
            picks_of(toy, registry, options={"asks": {"of": "faulty"}})

    def test_before_anything_is_labelled(self, toy, make_plugin):
        registry = asking(make_plugin, of_all)
        learner = fast_learner(toy.hide_labels(), "asks", registry=registry, start="own")
        with pytest.raises(UsageError, match="margin can't choose before anything is labelled"):
            learner.ask(5)

    def test_in_training(self, toy, make_plugin):
        def train(model, ctx):
            ctx.ask("random", None, None, 1)

        registry = installed().copy()
        registry.register(make_plugin(alframe_train=train), "asks")
        learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), "asks", registry=registry)
        with pytest.raises(PluginError, match=r"ctx\.ask is for who answers a query"):
            learner.fit()
