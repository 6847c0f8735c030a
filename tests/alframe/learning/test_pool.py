import copy

import pytest
import torch

from alframe import Embeddings, Euclidean, UsageError
from alframe.learning.pool import drawn, parted
from alframe.ops import kmeans_plus_plus
from alframe.registry.registry import Registry
from doubles import fast_learner, label_rounds


def trained(toy, strategy="coreset", **more):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), strategy, **more)
    learner.fit()
    return learner


def test_the_pool_is_parted():
    none = torch.tensor([], dtype=torch.int64)
    pool, taken = parted(torch.tensor([1, 3, 5, 8, 9]), torch.tensor([5, 5, 3, 7]), torch.tensor([9, 3]))
    assert (pool.tolist(), taken.tolist()) == ([1, 8], [5])
    with pytest.raises(UsageError, match=r"all 2 unlabelled samples are pending: tell\(\)"):
        parted(torch.tensor([3, 5]), torch.tensor([5, 3]), none)
    with pytest.raises(UsageError, match=r"the unlabelled pool is empty; Dataset\.hide_labels"):
        parted(none, none, none)
    with pytest.raises(UsageError, match="the unlabelled pool is empty"):
        parted(torch.tensor([4]), none, torch.tensor([4]))


def test_an_audit_is_not_asked_for_and_no_centre(toy):
    learner = trained(toy)
    audit = learner.ask(10)
    assert set(learner.ask(90, without=audit).tolist()).isdisjoint(audit.tolist())
    assert learner.ask(1, without=audit).tolist() != learner.ask(1, pending=audit).tolist()
    with pytest.raises(UsageError, match="without must lie in"):
        learner.ask(1, without=[-1])


def test_a_part_of_the_pool_is_drawn():
    pool = torch.arange(100) * 2
    part = drawn(pool, 7, 0, 3)
    assert len(part.unique()) == 7
    assert torch.equal(part, part.sort().values)
    assert torch.isin(part, pool).all()
    assert not torch.equal(part, drawn(pool, 7, 0, 4))
    assert torch.equal(drawn(pool, 1000, 0, 3), pool)


@pytest.mark.parametrize("strategy", ["margin", "coreset", "badge", "random", "typiclust"])
@pytest.mark.parametrize("pool_size", [None, 30])
def test_what_is_pending_is_not_asked_for(toy, strategy, pool_size):
    learner = trained(toy, strategy, pool_size=pool_size)
    first = learner.ask(10)
    second = learner.ask(10, pending=first)
    assert set(first.tolist()).isdisjoint(second.tolist())
    assert len(second.unique()) == 10
    assert learner.ask(10).tolist() == first.tolist()  # nothing of it is kept
    assert len(learner.ask(1000, pending=first)) == 90 if pool_size is None else True


def test_without_anything_pending_the_answer_is_the_same(toy):
    learner = trained(toy, "badge")
    wanted = learner.ask(10).tolist()
    assert learner.ask(10, pending=[]).tolist() == wanted
    assert learner.ask(10, pending=torch.zeros(120, dtype=torch.bool)).tolist() == wanted
    assert learner.ask(10, pending=learner.labelled).tolist() == wanted  # labelled by now


@pytest.mark.parametrize("fixed", [False, True])
def test_coreset_goes_on_from_what_is_pending(toy, fixed):
    """Picks of two queries are those of one that asks for all, and those of the algorithm in float64."""
    stages = {"train": "linear-probe"} if fixed else {}
    learner = trained(toy, stages=stages)
    both = learner.ask(24).tolist()
    assert [*learner.ask(9).tolist(), *learner.ask(15, pending=both[:9]).tolist()] == both
    assert learner.ask(15, pending=both[:9][::-1]).tolist() == both[9:]
    x = learner.features().double()
    minima = torch.cdist(x, x[torch.cat([learner.labelled, torch.tensor(both[:9])])]).amin(1)
    for pick in both[9:]:
        assert minima[pick] >= minima.max() - 1e-5
        minima = minima.minimum(torch.cdist(x, x[pick][None])[:, 0])


def test_coreset_starts_beside_what_is_pending(toy):
    learner = fast_learner(toy.hide_labels(), "coreset", start="own")
    x = learner.features()
    (pick,) = learner.ask(1, pending=[3]).tolist()
    assert pick == int(torch.cdist(x, x[3][None]).argmax())


def test_badge_draws_by_the_distance_to_what_is_pending(toy):
    learner = trained(toy, "badge", pool_size=None)
    first = learner.ask(1)  # the largest norm
    rest = [int(learner_with_seed(learner, seed).ask(1, pending=first)) for seed in range(60)]
    assert len(set(rest)) > 10  # drawn, where a query without pending samples has one largest norm
    assert int(first) not in rest


def learner_with_seed(learner, seed):
    twin = copy.copy(learner)
    twin.seed = seed
    return twin


@pytest.mark.usefixtures("types_unchecked")
def test_seeds_that_there_are_count_in_the_law():
    """Frequencies are those of distances to the seed: 1 to 4 to 9, and never the point that coincides."""
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    draws = 3000
    counts = torch.zeros(4)
    for number in range(draws):
        generator = torch.Generator().manual_seed(number)
        counts[int(kmeans_plus_plus(Euclidean(x), 1, generator, Euclidean(x[:1])))] += 1
    wanted = draws * torch.tensor([0.0, 1.0, 4.0, 9.0]) / 14
    assert counts[0] == 0
    assert ((counts - wanted)[1:].square() / wanted[1:]).sum() < 13.8  # chi-square, 2 degrees: 1 in 1,000


def test_points_that_all_coincide_with_seeds_are_drawn_uniformly():
    x = Euclidean(torch.ones(6, 2))
    picks = kmeans_plus_plus(x, 4, torch.Generator().manual_seed(0), x[:1])
    assert len(picks.unique()) == 4


def test_who_does_not_ask_is_not_shown_what_is_pending(toy, make_plugin):
    seen = {}

    def alframe_embed(pool, labelled):
        seen["embed"] = len(pool)
        return Embeddings(pool.features, labelled.features)

    def blind(pool, n):
        assert len(pool.embedding) == len(pool)
        return torch.arange(n)

    def sees(pool, n, pending):
        seen["pending"] = pending.positions.tolist(), len(pending.embedding)
        assert len(pool.embedding) == len(pool) == 98
        return torch.arange(n)

    for select, embedded in ((blind, 98), (sees, 100)):
        registry = Registry()
        registry.register(make_plugin(alframe_embed=alframe_embed, alframe_select=select), "mine")
        trained(toy, "mine", registry=registry).ask(5, pending=[40, 30])
        assert seen["embed"] == embedded
    assert seen["pending"] == ([30, 40], 2)


def test_scores_pool_and_pending_have_the_features_of_one_pass(toy):
    """The pool's features are a part of those of pool and pending: the network looks once."""
    learner = trained(toy)
    rows = learner._rows(torch.arange(20, 120))
    pool, taken = rows.part(slice(90)), rows.part(slice(90, 100))
    assert pool.features().data_ptr() == rows.features().data_ptr()
    assert torch.equal(taken.features(), rows.features()[90:])
    assert taken.positions().tolist() == list(range(110, 120))
    assert len(taken.samples()) == 10


def test_a_wrong_position_is_named(toy):
    learner = trained(toy)
    with pytest.raises(UsageError, match=r"pending must lie in 0\.\.119, got 120"):
        learner.ask(1, pending=[120])
    with pytest.raises(UsageError, match="all 100 unlabelled samples are pending"):
        learner.ask(1, pending=range(120))


def test_the_first_query_leaves_out_what_is_pending(toy):
    learner = fast_learner(toy.hide_labels())
    first = learner.ask(30)
    assert set(first.tolist()).isdisjoint(learner.ask(90, pending=first).tolist())


@pytest.mark.parametrize("start", ["random", "own", "typiclust"])
def test_one_class_alone_teaches_nothing(toy, start):
    """Until there are two classes the start chooses, without labels; `fit` may be called all the same."""
    learner = fast_learner(toy.hide_labels(), "coreset", start=start)
    zeros, ones = ((toy.targets == label).nonzero()[:, 0] for label in (0, 1))
    learner.tell(zeros[:3], [0, 0, 0])
    picks = learner.ask(8)
    assert len(picks.unique()) == 8
    assert set(picks.tolist()).isdisjoint(zeros[:3].tolist())
    learner.tell(picks[:2], [0, 0])
    assert set(learner.ask(8).tolist()).isdisjoint(learner.labelled.tolist())
    fitted = copy.deepcopy(learner)
    fitted.fit()
    assert (fitted.predict(ones[:5]) == 0).all()
    assert len(fitted.ask(4)) == 4
    learner.tell(ones[:1], [1])
    with pytest.raises(UsageError, match=r"fit\(\) before ask\(\)"):
        learner.ask(1)


def test_a_start_with_one_class_labelled_sees_no_labels(toy, make_plugin):
    seen = []

    def alframe_select(labelled, n, pending, ctx):
        seen.append((len(labelled), len(labelled.targets), pending.positions.tolist(), ctx.round))
        return torch.arange(n)

    registry = Registry()
    info = make_info(cold_start=True)
    registry.register(make_plugin(alframe_info=info, alframe_select=alframe_select), "mine")
    learner = fast_learner(toy.hide_labels(), "margin", start="mine", registry=registry)
    learner.tell([50, 7], [1, 1])
    learner.ask(3, pending=[9])
    assert seen == [(0, 0, [50, 7, 9], 0)]


def make_info(**fields):
    from alframe import PluginInfo

    return lambda: PluginInfo("mine", **fields)


def test_probabilities_are_the_softmax_of_the_logits_in_the_order_asked_for(toy):
    learner = fast_learner(toy.hide_labels())
    label_rounds(learner, toy.targets)
    positions = [7, 3, 119, 0]
    found = learner.probabilities(positions)
    with torch.no_grad():
        wanted = learner.model(toy.inputs[positions]).softmax(dim=1)
    torch.testing.assert_close(found, wanted)
    assert torch.equal(found.argmax(dim=1), learner.predict(positions))
    assert learner.probabilities([]).shape == (0, 3)
    probe = trained(toy, stages={"train": "linear-probe"})
    assert torch.equal(probe.probabilities([5]).argmax(1), probe.predict([5]))
