import copy
import dataclasses
import gc
import pickle
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

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

FAST = Recipe(epochs=15, learning_rate=0.01)


def make(dataset, strategy="margin", **kwargs):
    return ActiveLearner(dataset, "mlp", strategy, recipe=FAST, device="cpu", **kwargs)


def loop(learner, oracle, rounds=3, n=10):
    asked = []
    for _ in range(rounds):
        picks = learner.ask(n)
        asked.append(picks.tolist())
        learner.tell(picks, oracle[picks])
        learner.fit()
    return asked


def test_fit_ask_tell_evaluate(toy):
    learner = make(toy.hide_labels())
    asked = loop(learner, toy.targets)
    assert len(learner.labelled) == 30
    assert len({p for picks in asked for p in picks}) == 30
    assert torch.equal(learner.targets, toy.targets[learner.labelled])
    assert set(learner.unlabelled.tolist()) == set(range(120)) - set(learner.labelled.tolist())
    assert learner.evaluate().accuracy > 0.8


def test_predictions_are_the_largest_logits_in_the_order_asked_for(toy):
    learner = make(toy.hide_labels())
    loop(learner, toy.targets)
    positions = torch.tensor([7, 3, 119, 0])
    with torch.no_grad():
        wanted = learner.model(toy.inputs[positions]).argmax(dim=1)
    assert torch.equal(learner.predict(positions), wanted)


def test_features_of_all_samples(toy):
    learner = make(toy.hide_labels(keep=torch.arange(20)))
    learner.fit()
    features = learner.features()
    with torch.no_grad():
        assert torch.allclose(features, learner.model.features(toy.inputs), atol=1e-6)
    assert len(features) == 120


def test_what_is_labelled_already_is_the_labelled_set(toy):
    learner = make(toy.hide_labels(keep=torch.arange(10, 30)))
    assert learner.labelled.tolist() == list(range(10, 30))
    learner.fit()
    assert set(learner.ask(20).tolist()).isdisjoint(range(10, 30))


def test_asking_twice_gives_the_same_answer(toy):
    learner = make(toy.hide_labels(keep=torch.arange(20)), "random")
    learner.fit()
    first = learner.ask(5)
    assert torch.equal(learner.ask(5), first)
    learner.tell(first, toy.targets[first])
    assert not torch.equal(learner.ask(5), first)


def test_strategies_share_initial_set_and_initial_weights_at_one_seed(toy):
    learners = [make(toy.hide_labels(), strategy, seed=4) for strategy in ("random", "margin", "entropy")]
    assert len({tuple(learner.ask(10).tolist()) for learner in learners}) == 1
    weights = [learner.model.head.weight for learner in learners]
    assert all(torch.equal(weight, weights[0]) for weight in weights)
    other = make(toy.hide_labels(), seed=5)
    assert not torch.equal(other.model.head.weight, weights[0])


def test_the_same_seed_gives_the_same_run_and_the_global_state_is_left_alone(toy):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = loop(make(toy.hide_labels(), seed=1), toy.targets)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert loop(make(toy.hide_labels(), seed=1), toy.targets) == first
    assert loop(make(toy.hide_labels(), seed=2), toy.targets) != first


def test_dropout_in_training_is_seeded_too(toy):
    def weights(outside):
        torch.manual_seed(outside)
        learner = make(toy.hide_labels(keep=torch.arange(40)), model_options={"dropout": 0.5})
        learner.fit()
        return learner.model.head.weight.detach()

    assert torch.equal(weights(1), weights(2))


def test_training_starts_anew_or_goes_on(toy):
    known = toy.hide_labels(keep=torch.arange(30))
    fresh = make(known)
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
    learner = make(toy.hide_labels(keep=torch.arange(115)))
    learner.fit()
    picks = learner.ask(50)
    assert sorted(picks.tolist()) == [115, 116, 117, 118, 119]
    learner.tell(picks, toy.targets[picks])
    with pytest.raises(UsageError, match="pool is empty"):
        learner.ask(1)


def test_state_dict_goes_on_as_if_never_interrupted(toy):
    whole = make(toy.hide_labels(), seed=1)
    loop(whole, toy.targets, rounds=2)
    saved = whole.state_dict()
    continued = make(toy.hide_labels(), seed=1)
    continued.load_state_dict(saved)
    assert loop(continued, toy.targets) == loop(whole, toy.targets)
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
        (lambda learner: (learner.tell([1], [0]), learner.ask(1)), r"fit\(\) before ask\(\)"),
    ],
)
def test_mistakes_are_named(toy, act, message):
    with pytest.raises(UsageError, match=message):
        act(make(toy.hide_labels()))


def test_evaluating_without_a_test_part(toy):
    import dataclasses

    blind = dataclasses.replace(toy, test_inputs=None, test_targets=None)
    learner = make(blind.hide_labels(torch.arange(10)))
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
    learner = make(toy.hide_labels(torch.arange(30)), "spy", registry=registry)
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
    learner = make(toy.hide_labels(torch.arange(30)), "counting", registry=registry)
    learner.fit()
    assert learner.query(2).scores[0] == 1
    assert learner.query(2).scores[0] == 2
    other = make(toy.hide_labels(), "counting", registry=registry)
    other.load_state_dict(learner.state_dict())
    assert other.query(2).scores[0] == 3


@pytest.mark.parametrize("strategy", ["alfamix", "badge", "coreset", "cdal", "margin"])
def test_a_query_passes_each_sample_once(toy, strategy, count_calls):
    learner = make(toy.hide_labels(keep=torch.arange(20)), strategy)
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
        loop(learner, toy.targets)
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
        learner = make(toy.hide_labels())
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


SAMPLES = torch.tensor([5, 3, 8])


class TestTell:
    """Answers as labelling tools give them."""

    @pytest.mark.parametrize(
        ("indices", "labels"),
        [
            ([5, 3, 8], [2, 0, 1]),
            ([5.0, 3.0, 8.0], [2.0, 0.0, 1.0]),
            (np.array([5, 3, 8], dtype=np.uint8), np.array([2, 0, 1], dtype=">i4")),
            (pd.Index([5, 3, 8]), pd.Series([2, 0, 1], index=[8, 5, 3])),
            (SAMPLES, pd.Series([2, 0, 1], dtype="Int64")),
            (SAMPLES[:, None], np.array([[2], [0], [1]])),
        ],
    )
    def test_by_order(self, toy, indices, labels):
        learner = make(toy.hide_labels())
        learner.tell(indices, labels)
        assert learner.labelled.tolist() == [5, 3, 8]
        assert learner.targets.tolist() == [2, 0, 1]
        assert {learner.labelled.dtype, learner.targets.dtype} == {torch.int64}

    def test_a_boolean_for_each_sample(self, toy):
        learner = make(toy.hide_labels())
        learner.tell(torch.arange(120) % 50 == 7, [2, 0, 1])
        assert learner.labelled.tolist() == [7, 57, 107]

    @pytest.mark.parametrize(
        ("indices", "labels", "message"),
        [
            (SAMPLES, [2.7, 0, 1], "labels must be class numbers.* the first is 2.7"),
            (SAMPLES, [2, np.nan, 1], "1 of 3 labels are missing .*leave those samples out"),
            (SAMPLES, [2, None, 1], "1 of 3 labels are missing"),
            (SAMPLES, ["", 0, 1], "texts such as"),
            (SAMPLES, [2, -1, 1], r"labels must lie in 0..2, got -1; leave samples without a label out"),
            (SAMPLES, ["2", "0", "1"], "labels must be .* texts such as '2'"),
            (SAMPLES, pd.Series(["cat", "dog", "cat"]), "labels must be .* got str: 'cat'"),
            (SAMPLES, np.eye(3), "argmax"),
            ([3], [0.1, 0.8, 0.1], "labels must be class numbers"),
            (SAMPLES, {5: 2, 3: 0, 8: 1}, "got dict"),
            ({5: 2, 3: 0, 8: 1}, [2, 0, 1], "got dict"),
            ({5, 3, 8}, [2, 0, 1], "got set"),
            ([3.9, 7.2], [1, 2], "indices must be positions.* the first is 3.9"),
            ([True, False], [1, 2], "as booleans must be one for each of 120 samples, got 2"),
            (torch.arange(120) < 3, [0, 1], "3 indices but 2 labels"),
            ([2**70], [1], "indices must"),
            ([5, 8, 5], [1, 1, 1], "an index is repeated: 5"),
            (None, None, "indices must be .* got NoneType"),
        ],
    )
    def test_what_cannot_be_used_is_one_line_and_changes_nothing(self, toy, indices, labels, message):
        learner = make(toy.hide_labels())
        with pytest.raises(UsageError, match=message):
            learner.tell(indices, labels)
        assert (len(learner.labelled), len(learner.targets), learner.round) == (0, 0, -1)


@pytest.mark.parametrize("n", [2.5, "3", None, True, float("inf")])
def test_how_many_must_be_a_whole_number(toy, n):
    learner = make(toy.hide_labels())
    with pytest.raises(UsageError, match="must be a whole number"):
        learner.ask(n)
    assert len(learner.ask(5.0)) == 5
    assert len(learner.ask(10**30)) == 120


def test_predictions_take_positions_as_tell_does(toy):
    learner = make(toy.hide_labels(keep=torch.arange(30)))
    learner.fit()
    wanted = learner.predict(torch.tensor([7, 3]))
    assert torch.equal(learner.predict([7, 3.0]), wanted)
    assert learner.diagnose([7, 3], [0, 1]) == learner.diagnose(torch.tensor([7, 3]), torch.tensor([0, 1]))
    with pytest.raises(UsageError, match=r"must lie in 0..119, got 120"):
        learner.predict([120])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Classifier(nn.Linear(6, 4), nn.Linear(5, 3)), "the network can't take these data, a float32 tensor"),
        (Classifier(nn.Linear(9, 4), nn.Linear(4, 3)), "the network can't take these data"),
        (Classifier(nn.Linear(6, 4), nn.Linear(4, 3)).double(), "the network can't take these data"),
        (Classifier(nn.Linear(6, 4), nn.Linear(4, 1)), "the network has 1 outputs, the data have 3 classes"),
        (
            Classifier(nn.Linear(6, 4), nn.Sequential(nn.Linear(4, 3), nn.Flatten(0))),
            "the network's logits must be",
        ),
        (Classifier(nn.Unflatten(1, (2, 3)), nn.Linear(3, 3)), "the network's features must be"),
    ],
)
def test_a_network_of_ones_own_that_does_not_suit_the_data(toy, model, message):
    with pytest.raises(UsageError, match=message):
        ActiveLearner(toy.hide_labels(), model, "margin", device="cpu")


def test_a_network_made_in_inference_mode(toy):
    with torch.inference_mode():
        model = Classifier(nn.Linear(6, 4), nn.Linear(4, 3))
    with pytest.raises(UsageError, match="inference_mode"):
        ActiveLearner(toy.hide_labels(), model, "margin", device="cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stages": {"selct": "coreset"}}, "unknown stage 'selct'. Did you mean 'select'"),
        ({"stages": {"select": "corset"}}, "unknown plugin for --select 'corset'"),
        ({"stages": {"select": 3}}, "unknown plugin for --select 3"),
        ({"options": {"cap": 0.1}}, "options must be a dictionary by plugin name"),
        ({"strategy": 3}, "unknown strategy 3"),
        ({"model": nn.Linear(6, 3)}, r"an alframe.Classifier\(body, head\), got Linear"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"device": "meta"}, "device 'meta' can't be used"),
    ],
)
def test_arguments_that_cannot_be_used(toy, arguments, message):
    with pytest.raises(UsageError, match=message):
        ActiveLearner(toy.hide_labels(), **({"device": "cpu"} | arguments))


def test_nothing_that_was_given_is_ignored(toy):
    pipeline = make(toy.hide_labels()).pipeline
    model = Classifier(nn.Linear(6, 4), nn.Linear(4, 3))
    with pytest.raises(UsageError, match="stages and options are a Pipeline's own"):
        make(toy.hide_labels(), pipeline, stages={"select": "coreset"})
    with pytest.raises(UsageError, match="model_options are for a network by name"):
        ActiveLearner(toy.hide_labels(), model, model_options={"dropout": 0.5})


class TestSnapshots:
    def fitted(self, toy, **kwargs):
        learner = make(toy.hide_labels(), **kwargs)
        loop(learner, toy.targets, rounds=2)
        return learner

    def test_a_state_does_not_change_with_the_learner(self, toy):
        learner = self.fitted(toy)
        saved, accuracy, asked = learner.state_dict(), learner.evaluate(), learner.ask(10)
        loop(learner, toy.targets)
        other = make(toy.hide_labels())
        other.load_state_dict(saved)
        assert other.evaluate() == accuracy
        assert torch.equal(other.ask(10), asked)
        loop(other, toy.targets)
        third = make(toy.hide_labels())
        third.load_state_dict(saved)
        assert third.evaluate() == accuracy

    def test_what_a_plugin_keeps_does_not_change_either(self, toy, make_plugin):
        def score(pool, ctx):
            ctx.state.setdefault("seen", []).append(len(pool))
            return torch.zeros(len(pool))

        registry = Registry()
        registry.register(make_plugin(alframe_score=score), "counting")
        learner = make(toy.hide_labels(torch.arange(30)), "counting", registry=registry)
        learner.fit()
        learner.ask(2)
        saved = learner.state_dict()
        learner.ask(2)
        assert saved["plugins"]["counting"] == {"seen": [90]}

    @pytest.mark.parametrize(
        "change", [{"seed": 9}, {"targets": torch.zeros(1, dtype=torch.int64)}, {"model": {}}]
    )
    def test_a_foreign_state_changes_nothing(self, toy, change):
        learner, asked = self.fitted(toy), None
        asked, accuracy = learner.ask(10), learner.evaluate()
        with pytest.raises(UsageError, match="state"):
            learner.load_state_dict(make(toy.hide_labels()).state_dict() | change)
        assert torch.equal(learner.ask(10), asked)
        assert learner.evaluate() == accuracy

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    @pytest.mark.parametrize("warm_start", [False, True])
    def test_a_fit_that_is_interrupted_leaves_the_learner_as_it_was(self, toy, error, warm_start):
        learner = self.fitted(toy, model_options={"dropout": 0.5})
        learner.recipe = Recipe(epochs=15, learning_rate=0.01, warm_start=warm_start, stop_accuracy=None)
        asked, accuracy, size = learner.ask(10), learner.evaluate(), learner.validation_size
        state = torch.get_rng_state()

        def stop(stage, done, total):
            if done == 2:
                raise error

        learner.progress = stop
        learner.recipe = dataclasses.replace(learner.recipe, validation=0.5)
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else PluginError):
            learner.fit()
        assert torch.equal(torch.get_rng_state(), state)
        assert not any(part.training for part in learner.model.modules())
        assert learner.evaluate() == accuracy
        assert torch.equal(learner.ask(10), asked)
        assert learner.validation_size == size

    def test_a_first_fit_that_is_interrupted(self, toy):
        learner = make(toy.hide_labels(torch.arange(30)))

        def stop(stage, done, total):
            raise KeyboardInterrupt

        learner.progress = stop
        with pytest.raises(KeyboardInterrupt):
            learner.fit()
        with pytest.raises(UsageError, match="not been trained yet"):
            learner.ask(1)
        fresh = make(toy.hide_labels(torch.arange(30)))
        learner.progress = fresh.progress
        assert learner.fit() == fresh.fit()
        assert torch.equal(learner.model.head.weight, fresh.model.head.weight)

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda learner: pickle.loads(pickle.dumps(learner))])
    @pytest.mark.parametrize("arguments", [{}, {"strategy": "badge", "stages": {"train": "linear-probe"}}])
    def test_a_copy_goes_on_with_the_same_picks(self, toy, again, arguments):
        learner = self.fitted(toy, model_options={"dropout": 0.5}, **arguments)
        twin = again(learner)
        assert twin.evaluate() == learner.evaluate()
        picks = loop(twin, toy.targets, rounds=2)
        assert len(learner.labelled) == 20
        assert loop(learner, toy.targets, rounds=2) == picks
        assert torch.equal(twin.model.head.weight, learner.model.head.weight)

    def test_a_plugin_in_a_file_is_found_again(self, toy, tmp_path):
        path = tmp_path / "first.py"
        path.write_text(
            "from alframe import hookimpl\n@hookimpl\ndef alframe_score(pool): return pool.features[:, 0]\n"
        )
        registry = Registry()
        registry.register_file(path)
        learner = self.fitted(toy, strategy="first", registry=registry)
        assert torch.equal(pickle.loads(pickle.dumps(learner)).ask(5), learner.ask(5))

    def test_a_plugin_of_this_process_cannot_be_pickled_but_copied(self, toy, make_plugin):
        registry = Registry()
        registry.register(make_plugin(alframe_score=lambda pool: pool.features[:, 0]), "mine")
        learner = self.fitted(toy, strategy="mine", registry=registry)
        assert torch.equal(copy.deepcopy(learner).ask(5), learner.ask(5))
        with pytest.raises(
            UsageError, match="plugin 'mine' is an object of this process and can't be pickled"
        ):
            pickle.dumps(learner)


def in_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    return thread, result


def test_two_learners_in_two_threads_do_not_disturb_each_other(toy):
    def weights(learner):
        learner.fit()
        return learner.model.head.weight.detach().clone()

    def learner(seed):
        return make(toy.hide_labels(torch.arange(40)), seed=seed, model_options={"dropout": 0.5})

    alone = [weights(learner(seed)) for seed in (1, 2)]
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    entered = [threading.Event(), threading.Event()]
    both = []
    for own, other in (entered, entered[::-1]):

        def meet(stage, done, total, own=own, other=other):
            own.set()
            other.wait(0.05)  # for who trains at the same time, if anybody does

        both.append(learner(len(both) + 1))
        both[-1].progress = meet
    running = [in_thread(lambda one=one: weights(one)) for one in both]
    for thread, _ in running:
        thread.join(30)
    for (_, result), wanted in zip(running, alone, strict=True):
        assert torch.equal(result[0], wanted)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("stages", [{}, {"train": "linear-probe"}])
def test_the_answers_are_the_same_in_every_mode_of_torch(toy, mode, stages):
    asked = loop(make(toy.hide_labels(), "badge", stages=stages), toy.targets)
    with mode():
        learner = make(toy.hide_labels(), "badge", stages=stages)
        learner.predict([0])
        assert loop(learner, toy.targets) == asked
