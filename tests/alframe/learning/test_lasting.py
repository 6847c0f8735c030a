"""Rounds with several queries, the labels of each before the next."""

import copy
import pickle

import pytest
import torch

from alframe import PluginInfo, UsageError
from alframe.learning.lasting import Lasting
from alframe.registry.registry import installed
from doubles import fast_learner


def asked(toy, sizes, strategy="badge", learner=None, between=lambda learner: learner, **more):
    """A learner after a round in parts, and the parts."""
    learner = learner or trained(toy, strategy, **more)
    later, parts = sum(sizes), []
    for size in sizes:
        later -= size
        parts.append(learner.ask(size, later=later))
        learner.tell(parts[-1], toy.targets[parts[-1]], later=later)
        learner = between(learner)
    return learner, parts


def trained(toy, strategy="badge", **more):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), strategy, **more)
    learner.fit()
    return learner


class Notes:
    """A selector that notes what it is told."""

    def __init__(self):
        self.seen = []

    def plugin(self, make_plugin):
        def select(pool, labelled, n, ctx):
            drawn = torch.randperm(len(pool), generator=ctx.generator)[:n]
            ctx.state.setdefault("steps", []).append(ctx.step)
            kept = ctx.round_cache.setdefault("first", len(pool))
            self.seen.append((ctx.round, ctx.step, ctx.left, len(pool), len(labelled), kept))
            return drawn

        info = PluginInfo(summary="notes", api=4)
        return make_plugin(alframe_info=lambda: info, alframe_select=select)


def test_a_round_goes_on_with_the_labels_of_its_first_queries(toy, make_plugin):
    registry, notes = installed().copy(), Notes()
    registry.register(notes.plugin(make_plugin), "notes")
    learner, parts = asked(toy, (4, 3, 2), "notes", registry=registry)
    assert notes.seen == [(1, 0, 9, 100, 20, 100), (1, 1, 5, 96, 24, 100), (1, 2, 2, 93, 27, 100)]
    assert learner.round == 1
    assert learner.labelled[20:].tolist() == torch.cat(parts).tolist()
    learner.fit()
    learner.ask(5)
    assert notes.seen[-1] == (2, 0, 5, 91, 29, 91)  # nothing of the round before is kept
    assert learner.state_dict()["plugins"]["notes"]["steps"] == [0, 1, 2, 0]


def test_a_strategy_that_looks_at_no_labels_takes_the_same_in_parts(toy):
    learner = trained(toy, "margin")
    whole = learner.ask(12)
    _, parts = asked(toy, (5, 4, 3), learner=learner)
    assert torch.cat(parts).tolist() == whole.tolist()


def test_the_network_is_asked_once_a_round(toy, count_calls):
    learner = trained(toy, "margin")
    learner.model.features = counted = count_calls(learner.model.features)
    learner.ask(3, later=9)
    once = counted.counter.calls
    asked(toy, (3, 3, 3, 3), learner=learner)
    assert counted.counter.calls == once
    learner.fit()
    learner.ask(3)
    assert counted.counter.calls > once


def test_random_sampling_in_parts_asks_no_network(toy, count_calls):
    learner = trained(toy, "random")
    learner.model.features = counted = count_calls(learner.model.features)
    asked(toy, (3, 3), learner=learner)
    assert counted.counter.calls == 0


@pytest.mark.parametrize("strategy", ["badge", "random", "coreset"])
def test_each_part_has_random_numbers_of_its_own_and_the_seeds(toy, strategy):
    first, second = (asked(toy, (4, 4), strategy)[1] for _ in range(2))
    assert [part.tolist() for part in first] == [part.tolist() for part in second]
    assert set(first[0].tolist()).isdisjoint(first[1].tolist())


def again(learner):
    other = trained_twin(learner)
    other.load_state_dict(learner.state_dict())
    return other


def trained_twin(learner):
    return copy.deepcopy(learner)


@pytest.mark.parametrize(
    "between", [copy.deepcopy, again, lambda learner: pickle.loads(pickle.dumps(learner))]
)
@pytest.mark.parametrize("more", [{}, {"pool_size": 40}, {"stages": {"train": "linear-probe"}}])
def test_a_learner_that_is_copied_within_a_round_goes_on(toy, between, more):
    plain, interrupted = asked(toy, (4, 4, 2), **more), asked(toy, (4, 4, 2), between=between, **more)
    assert [part.tolist() for part in plain[1]] == [part.tolist() for part in interrupted[1]]
    assert plain[0].round == interrupted[0].round == 1


def test_a_fit_ends_the_round_early_and_a_failed_one_does_not(toy):
    learner, _ = asked(toy, (4,))
    picks = learner.ask(3, later=3)
    learner.tell(picks, toy.targets[picks], later=3)
    before = learner.state_dict()["round"]
    with pytest.raises(KeyboardInterrupt), learner.fitting():
        raise KeyboardInterrupt
    assert learner.round == before
    assert learner.state_dict()["step"] == 1
    learner.fit()
    assert learner.round == before + 1
    assert "step" not in learner.state_dict()


def test_a_round_looks_at_one_part_of_the_pool(toy):
    learner, parts = asked(toy, (10, 10, 10), "random", pool_size=30)
    whole = torch.cat(parts)
    drawn = trained(toy, "random", pool_size=30).ask(30)
    assert set(whole.tolist()) == set(drawn.tolist())  # all of the part that the first query drew
    learner.fit()
    assert not set(learner.ask(30).tolist()) <= set(whole.tolist())


def test_what_is_held_is_made_once_when_it_is_wanted():
    lasting, made = Lasting(), []
    lasting.hold(lambda: made.append(1) or torch.ones(2, 3))
    lasting.hold(lambda: 1 / 0)
    assert made == []
    assert lasting.features() is lasting.features()
    assert made == [1]
    assert lasting.alone().features is None


@pytest.mark.parametrize(("later", "line"), [(-1, "at least 0, got -1"), (2.5, "a whole number, got 2.5")])
def test_later_is_a_number_of_samples(toy, later, line):
    learner = trained(toy)
    with pytest.raises(UsageError, match=f"later must be {line}"):
        learner.ask(3, later=later)
    with pytest.raises(UsageError, match=f"later must be {line}"):
        learner.tell([30], [0], later=later)
    assert len(learner.labelled) == 20
