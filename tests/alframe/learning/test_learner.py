import copy
import gc
import pickle
import sys

import pytest
import torch

import alframe
from alframe import (
    ActiveLearner,
    Classifier,
    ModelInfo,
    PluginError,
    PluginInfo,
    Recipe,
    TrainResult,
    UsageError,
)
from alframe.registry.registry import Registry
from doubles import FAST, fast_learner, label_rounds


def test_fit_ask_tell_evaluate(toy):
    learner = fast_learner(toy.hide_labels())
    asked = label_rounds(learner, toy.targets)
    assert len(learner.labelled) == 30
    assert len({p for picks in asked for p in picks}) == 30
    assert torch.equal(learner.targets, toy.targets[learner.labelled])
    assert set(learner.unlabelled.tolist()) == set(range(120)) - set(learner.labelled.tolist())
    assert learner.evaluate().accuracy > 0.8


def test_predictions_are_the_largest_logits_in_the_order_asked_for(toy):
    learner = fast_learner(toy.hide_labels())
    label_rounds(learner, toy.targets)
    positions = torch.tensor([7, 3, 119, 0])
    with torch.no_grad():
        wanted = learner.model(toy.inputs[positions]).argmax(dim=1)
    assert torch.equal(learner.predict(positions), wanted)


def test_features_of_all_samples(toy):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)))
    learner.fit()
    features = learner.features()
    with torch.no_grad():
        assert torch.allclose(features, learner.model.features(toy.inputs), atol=1e-6)
    assert len(features) == 120


def test_what_is_labelled_already_is_the_labelled_set(toy):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(10, 30)))
    assert learner.labelled.tolist() == list(range(10, 30))
    learner.fit()
    assert set(learner.ask(20).tolist()).isdisjoint(range(10, 30))


def test_asking_twice_gives_the_same_answer(toy):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), "random")
    learner.fit()
    first = learner.ask(5)
    assert torch.equal(learner.ask(5), first)
    learner.tell(first, toy.targets[first])
    assert not torch.equal(learner.ask(5), first)


def test_strategies_share_initial_set_and_initial_weights_at_one_seed(toy):
    learners = [
        fast_learner(toy.hide_labels(), strategy, seed=4) for strategy in ("random", "margin", "entropy")
    ]
    assert len({tuple(learner.ask(10).tolist()) for learner in learners}) == 1
    weights = [learner.model.head.weight for learner in learners]
    assert all(torch.equal(weight, weights[0]) for weight in weights)
    other = fast_learner(toy.hide_labels(), seed=5)
    assert not torch.equal(other.model.head.weight, weights[0])


def test_the_same_seed_gives_the_same_run_and_the_global_state_is_left_alone(toy):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = label_rounds(fast_learner(toy.hide_labels(), seed=1), toy.targets)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert label_rounds(fast_learner(toy.hide_labels(), seed=1), toy.targets) == first
    assert label_rounds(fast_learner(toy.hide_labels(), seed=2), toy.targets) != first


def test_dropout_in_training_is_seeded_too(toy):
    def weights(outside):
        torch.manual_seed(outside)
        learner = fast_learner(toy.hide_labels(keep=torch.arange(40)), model_options={"dropout": 0.5})
        learner.fit()
        return learner.model.head.weight.detach()

    assert torch.equal(weights(1), weights(2))


def test_training_starts_anew_or_goes_on(toy):
    known = toy.hide_labels(keep=torch.arange(30))
    fresh = fast_learner(known)
    fresh.fit()
    first = fresh.model.head.weight.detach().clone()
    fresh.fit()
    assert torch.equal(fresh.model.head.weight, first)
    warm = ActiveLearner(known, "mlp", "random", recipe=Recipe(epochs=5, warm_start=True), device="cpu")
    warm.fit()
    first = warm.model.head.weight.detach().clone()
    warm.fit()
    assert not torch.equal(warm.model.head.weight, first)


def test_a_network_of_ones_own(toy):
    model = Classifier(torch.nn.Linear(6, 4), torch.nn.Linear(4, 3))
    learner = ActiveLearner(toy.hide_labels(torch.arange(30)), model, "entropy", recipe=FAST, device="cpu")
    learner.fit()
    assert len(learner.ask(5)) == 5


def test_asking_for_more_than_there_is_gives_what_there_is(toy):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(115)))
    learner.fit()
    picks = learner.ask(50)
    assert sorted(picks.tolist()) == [115, 116, 117, 118, 119]
    learner.tell(picks, toy.targets[picks])
    with pytest.raises(UsageError, match="pool is empty"):
        learner.ask(1)


def test_state_dict_goes_on_as_if_never_interrupted(toy):
    whole = fast_learner(toy.hide_labels(), seed=1)
    label_rounds(whole, toy.targets, rounds=2)
    saved = whole.state_dict()
    continued = fast_learner(toy.hide_labels(), seed=1)
    continued.load_state_dict(saved)
    assert label_rounds(continued, toy.targets) == label_rounds(whole, toy.targets)
    assert torch.equal(continued.model.head.weight, whole.model.head.weight)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda learner: learner.fit(), "nothing is labelled yet"),
        (lambda learner: learner.ask(0), "at least 1, got 0"),
        (lambda learner: learner.tell([1, 2], [0]), "2 indices but 1 labels"),
        (lambda learner: learner.tell([], []), "no labels"),
        (lambda learner: learner.tell([120], [0]), r"must lie in 0..119"),
        (lambda learner: learner.tell([-1], [0]), r"must lie in 0..119"),
        (lambda learner: learner.tell([1, 1], [0, 0]), "repeated"),
        (lambda learner: learner.tell([1], [3]), r"labels must lie in 0..2"),
        (lambda learner: (learner.tell([1], [0]), learner.tell([1], [0])), "labelled already"),
        (lambda learner: (learner.tell([1, 2], [0, 1]), learner.ask(1)), r"fit\(\) before ask\(\)"),
    ],
)
def test_mistakes_are_named(toy, act, message):
    with pytest.raises(UsageError, match=message):
        act(fast_learner(toy.hide_labels()))


def test_evaluating_without_a_test_part(toy):
    import dataclasses

    blind = dataclasses.replace(toy, test_inputs=None, test_targets=None)
    learner = fast_learner(blind.hide_labels(torch.arange(10)))
    learner.fit()
    with pytest.raises(UsageError, match="no test part"):
        learner.evaluate()


def test_labels_of_the_pool_are_nowhere_a_hook_can_reach(toy, make_plugin):
    """Walks every object that hangs on a hook's arguments."""
    registry = Registry()
    secret = toy.targets.tolist()  # a list, so that the walk does not find this very variable
    found = []

    def score(pool, labelled, options, ctx):
        seen, queue = set(), [pool, labelled, options, ctx]
        while queue:
            thing = queue.pop()
            if id(thing) in seen or isinstance(thing, type | type(gc)):
                continue
            seen.add(id(thing))
            if isinstance(thing, torch.Tensor):
                if thing.dtype == torch.int64 and any(
                    thing.flatten().tolist() == part for part in (secret, secret[30:])
                ):
                    found.append(thing)
                continue
            queue.extend(getattr(thing, "__dict__", {}).values())
            queue.extend(getattr(thing, "__closure__", None) or ())
            if hasattr(thing, "cell_contents"):
                queue.append(thing.cell_contents)
            if hasattr(thing, "__self__"):
                queue.append(thing.__self__)
            if isinstance(thing, dict):
                queue.extend(thing.values())
            elif isinstance(thing, list | tuple | set):
                queue.extend(thing)
        found.append(len(seen))
        return torch.zeros(len(pool))

    registry.register(make_plugin(alframe_info=lambda: PluginInfo(summary="spy"), alframe_score=score), "spy")
    learner = fast_learner(toy.hide_labels(torch.arange(30)), "spy", registry=registry)
    learner.fit()
    learner.ask(5)
    assert found[0] > 30  # it did look around, and what it found were no labels
    assert len(found) == 1


def test_a_plugin_keeps_state_between_rounds(toy, make_plugin):
    registry = Registry()

    def score(pool, ctx):
        ctx.state["queries"] = ctx.state.get("queries", 0) + 1
        return torch.full((len(pool),), float(ctx.state["queries"]))

    registry.register(
        make_plugin(alframe_info=lambda: PluginInfo(summary="x"), alframe_score=score), "counting"
    )
    learner = fast_learner(toy.hide_labels(torch.arange(30)), "counting", registry=registry)
    learner.fit()
    assert learner.query(2).scores[0] == 1
    assert learner.query(2).scores[0] == 2
    other = fast_learner(toy.hide_labels(), "counting", registry=registry)
    other.load_state_dict(learner.state_dict())
    assert other.query(2).scores[0] == 3


@pytest.mark.parametrize("strategy", ["alfamix", "badge", "coreset", "cdal", "margin"])
def test_a_query_passes_each_sample_once(toy, strategy, count_calls):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(20)), strategy)
    learner.fit()
    learner.model.features = counted = count_calls(learner.model.features)
    learner.ask(5)
    assert counted.counter.calls <= 2  # one batch of the pool, one of the labelled set


class TestValidation:
    """`train.validation` holds a share of the labelled samples out of training."""

    @pytest.fixture
    def seen(self, toy, make_plugin):
        """A learner whose trainer notes the samples that it trains on and is judged by."""
        seen = []

        def train(model, labelled, validation):
            parts = [labelled] if validation is None else [labelled, validation]
            seen.append([torch.cat(list(part.inputs())) for part in parts])
            assert all(len(part.targets) == len(part) for part in parts)
            return TrainResult(1, 1.0, 0.0)

        registry = Registry()
        registry.register(make_plugin(alframe_train=train), "spy")
        stages = {"train": "spy"}

        def learner(share, **kwargs):
            recipe = Recipe(validation=share)
            return ActiveLearner(
                toy.hide_labels(), "mlp", "margin", recipe=recipe, stages=stages, registry=registry, **kwargs
            )

        return learner, seen

    def test_the_parts_are_the_labelled_set(self, seen, toy):
        make, rounds = seen
        learner = make(0.25)
        label_rounds(learner, toy.targets)
        assert [[len(part) for part in parts] for parts in rounds] == [[8, 2], [15, 5], [22, 8]]
        assert learner.validation_size == 8
        both = torch.cat(rounds[-1])
        rows = (toy.inputs[learner.labelled][:, None] == both).all(dim=2)
        assert (rows.sum(dim=0) == 1).all()
        assert (rows.sum(dim=1) == 1).all()

    def test_it_is_the_seeds(self, seen, toy):
        make, rounds = seen
        for seed in (0, 0, 1):
            learner = make(0.25, seed=seed)
            learner.tell(torch.arange(20), toy.targets[:20])
            learner.fit()
        assert torch.equal(rounds[0][1], rounds[1][1])
        assert not torch.equal(rounds[0][1], rounds[2][1])

    @pytest.mark.parametrize(
        ("share", "labels", "sizes"), [(0.01, 3, [2, 1]), (0.99, 3, [1, 2]), (0.5, 1, [1]), (0, 9, [9])]
    )
    def test_neither_part_is_empty(self, seen, toy, share, labels, sizes):
        make, rounds = seen
        learner = make(share)
        learner.tell(torch.arange(labels), toy.targets[:labels])
        learner.fit()
        assert [len(part) for part in rounds[0]] == sizes

    def test_strategies_see_all_labels(self, toy):
        learner = fast_learner(toy.hide_labels())
        learner.recipe = Recipe(epochs=2, validation=0.5)
        learner.tell(torch.arange(20), toy.targets[:20])
        learner.fit()
        assert len(learner.query(5).indices) == 5
        assert not set(learner.ask(100).tolist()) & set(range(20))


def test_a_network_hears_what_follows_the_colon_and_that_nothing_may_be_fetched(toy, make_plugin):
    asked = []

    def build(request):
        asked.append((request.location, request.download))
        return Classifier(torch.nn.Identity(), torch.nn.Linear(*request.input_shape, request.num_classes))

    registry = Registry()
    offer = {"net": ModelInfo(summary="", build=build, location="NAME")}
    registry.register(make_plugin(alframe_models=lambda: offer), "nets")
    ActiveLearner(toy.hide_labels(), "net:a:b", "margin", registry=registry, device="cpu")
    assert asked == [("a:b", False)]
    with pytest.raises(UsageError, match="needs NAME after a colon"):
        ActiveLearner(toy.hide_labels(), "net", "margin", registry=registry, device="cpu")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda request: {}["width"], "raised KeyError: 'width'"),
        (lambda request: sys.exit(0), "raised SystemExit: 0"),
        (lambda request: torch.nn.Linear(2, 2), ": wanted an alframe.Classifier, got Linear"),
    ],
)
def test_a_network_that_cannot_be_built_is_its_plugins_fault(toy, bare_registry, make_plugin, build, message):
    offer = {"net": ModelInfo(summary="", build=build)}
    bare_registry.register(make_plugin(alframe_models=lambda: offer), "nets")
    with pytest.raises(PluginError, match=r"^plugin 'nets' \(local\), model 'net' ?" + message):
        ActiveLearner(toy.hide_labels(), "net", "default", registry=bare_registry, device="cpu")


class TestFixedFeatures:
    """Features of another network beside the learner's own."""

    @pytest.fixture
    def fixed(self, toy):
        return torch.randn(len(toy), 7, generator=torch.Generator().manual_seed(1))

    @pytest.mark.parametrize(
        "strategy",
        [
            *("activeft", "centroids", "coreset", "dcom", "freesel", "lcmd", "maxdet", "maxherding"),
            *("probcover", "tcm", "typiclust", "uherding"),
        ],
    )
    def test_are_what_a_start_chooses_by(self, toy, fixed, strategy):
        learner = fast_learner(toy.hide_labels(), start=strategy, fixed=fixed, seed=3)
        alone = alframe.query(strategy, features=fixed, n=12, num_classes=3, seed=3, device="cpu")
        assert learner.ask(12).tolist() == alone.indices.tolist()
        assert learner.ask(12).tolist() != fast_learner(toy.hide_labels(), start=strategy).ask(12).tolist()

    @pytest.mark.parametrize("strategy", ["typiclust", "probcover", "maxherding"])
    def test_are_the_same_after_training(self, toy, fixed, strategy):
        learner = fast_learner(toy.hide_labels(keep=torch.arange(10)), strategy, fixed=fixed)
        learner.fit()
        picks = learner.ask(10)
        other = fast_learner(
            toy.hide_labels(keep=torch.arange(10)), strategy, fixed=fixed, recipe=Recipe(epochs=1)
        )
        other.fit()
        assert other.ask(10).tolist() == picks.tolist()

    def test_of_any_kind_and_never_copied_without_need(self, toy, fixed):
        rows = [fixed, fixed.numpy(), fixed.double().tolist()]
        learners = [fast_learner(toy.hide_labels(), start="centroids", fixed=given) for given in rows]
        assert len({tuple(learner.ask(9).tolist()) for learner in learners}) == 1
        assert learners[0]._fixed is fixed

    def test_travel_with_copies(self, toy, fixed):
        learner = fast_learner(toy.hide_labels(), start="centroids", fixed=fixed)
        for twin in (copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))):
            assert twin.ask(9).tolist() == learner.ask(9).tolist()

    @pytest.mark.parametrize(
        ("fixed", "message"),
        [
            (
                torch.zeros(5, 2),
                r"shape \[5, 2\], and the data set has 120 training samples: expected one row",
            ),
            (torch.zeros(120), "must be a matrix"),
            (torch.full((120, 2), torch.nan), "fixed features contain NaN"),
            ("resnet18", "must be an array or tensor of numbers"),
        ],
    )
    def test_of_something_else(self, toy, fixed, message):
        with pytest.raises(UsageError, match=message):
            fast_learner(toy.hide_labels(), fixed=fixed)


class TestWhatIsKeptFromQueryToQuery:
    """`ctx.cache` lives as long as the fixed features do, and nothing depends on it."""

    @pytest.fixture
    def registry(self, make_plugin):
        """A strategy that counts its queries, and one whose trainer leaves the body alone."""

        def select(pool, labelled, n, ctx):
            self.seen.append((ctx.cache.get("queries", 0), pool.is_fixed))
            self.positions.append((pool.positions.tolist(), labelled.positions.tolist()))
            ctx.cache["queries"] = ctx.cache.get("queries", 0) + 1
            return torch.arange(n)

        def train(model, labelled):
            return TrainResult(1, 1.0, 0.0)

        self.seen, self.positions = [], []
        registry = Registry()
        registry.register(make_plugin(alframe_select=select), "counts")
        info = PluginInfo("head", trains="head")
        registry.register(make_plugin(alframe_info=lambda: info, alframe_train=train), "head")
        return registry

    def learner(self, toy, registry, **more):
        start = toy.hide_labels(keep=torch.arange(100, 90, -1))
        return fast_learner(start, "counts", registry=registry, recipe=Recipe(epochs=1), **more)

    def test_with_a_network_that_is_trained_nothing_is(self, toy, registry):
        learner = self.learner(toy, registry)
        learner.fit()
        label_rounds(learner, toy.targets, rounds=3)
        assert self.seen == [(0, False)] * 3

    @pytest.mark.parametrize("kept", [{"fixed": torch.ones(120, 2)}, {"stages": {"train": "head"}}])
    def test_with_fixed_features_it_is(self, toy, registry, kept):
        learner = self.learner(toy, registry, **kept)
        learner.fit()
        label_rounds(learner, toy.targets, rounds=3)
        assert self.seen == [(0, True), (1, True), (2, True)]
        for twin in (copy.deepcopy(learner), self.learner(toy, registry, **kept)):
            twin.load_state_dict(learner.state_dict())
            twin.ask(1)
            assert self.seen[-1] == (0, True)
        assert "queries" not in str(learner.state_dict()["plugins"])
        learner.ask(1)
        assert self.seen[-1] == (3, True)

    def test_positions_are_those_of_the_data_set(self, toy, registry):
        learner = self.learner(toy, registry)
        learner.fit()
        asked = label_rounds(learner, toy.targets, rounds=2)
        pool, labelled = self.positions[-1]
        assert labelled == [*range(91, 101), *asked[0]]
        assert sorted(pool + labelled) == list(range(120))
        assert pool == sorted(pool)


@pytest.mark.parametrize("strategy", ["maxherding", "probcover"])
@pytest.mark.parametrize("start", ["random", "own"])
@pytest.mark.parametrize("size", [None, 60])
def test_a_cache_that_is_lost_changes_no_pick(toy, strategy, start, size):
    """Before each round or before some: what is taken up from a checkpoint picks as what goes on does."""
    fixed = torch.randn(len(toy), 5, generator=torch.Generator().manual_seed(2)) + toy.inputs[:, :5]

    def learner():
        options = {"fixed": fixed, "start": start, "pool_size": size, "recipe": Recipe(epochs=1)}
        return fast_learner(toy.hide_labels(), strategy, **options)

    def picks(lost):
        one, found = learner(), []
        for number in range(6):
            if lost(number):
                state = one.state_dict()
                one = learner()
                one.load_state_dict(state)
            asked = one.ask(8)
            assert torch.equal(one.ask(8), asked)
            found.append(asked.tolist())
            one.tell(asked, toy.targets[asked])
            one.fit()
        return found, one.state_dict()["plugins"][strategy]

    whole, state = picks(lambda number: False)
    for lost in (lambda number: True, lambda number: number in (2, 5)):
        again, its_state = picks(lost)
        assert again == whole
        assert str(its_state) == str(state)
