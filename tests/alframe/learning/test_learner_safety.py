"""What a learner is told and is made of, and what becomes of it: snapshots, copies, threads, Ctrl-C."""

import copy
import dataclasses
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from alframe import ActiveLearner, Classifier, PluginError, Recipe, UsageError
from alframe.registry.registry import Registry
from doubles import fast_learner, label_rounds

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
        learner = fast_learner(toy.hide_labels())
        learner.tell(indices, labels)
        assert learner.labelled.tolist() == [5, 3, 8]
        assert learner.targets.tolist() == [2, 0, 1]
        assert {learner.labelled.dtype, learner.targets.dtype} == {torch.int64}

    def test_a_boolean_for_each_sample(self, toy):
        learner = fast_learner(toy.hide_labels())
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
        learner = fast_learner(toy.hide_labels())
        with pytest.raises(UsageError, match=message):
            learner.tell(indices, labels)
        assert (len(learner.labelled), len(learner.targets), learner.round) == (0, 0, -1)


@pytest.mark.parametrize("n", [2.5, "3", None, True, float("inf")])
def test_how_many_must_be_a_whole_number(toy, n):
    learner = fast_learner(toy.hide_labels())
    with pytest.raises(UsageError, match="must be a whole number"):
        learner.ask(n)
    assert len(learner.ask(5.0)) == 5
    assert len(learner.ask(10**30)) == 120


def test_predictions_take_positions_as_tell_does(toy):
    learner = fast_learner(toy.hide_labels(keep=torch.arange(30)))
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
        ({"model": nn.Linear(6, 3)}, r"an alframe.Classifier\(body, head\) or an estimator .* got Linear"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"device": "meta"}, "device 'meta' can't be used"),
    ],
)
def test_arguments_that_cannot_be_used(toy, arguments, message):
    with pytest.raises(UsageError, match=message):
        ActiveLearner(toy.hide_labels(), **({"device": "cpu"} | arguments))


def test_nothing_that_was_given_is_ignored(toy):
    pipeline = fast_learner(toy.hide_labels()).pipeline
    model = Classifier(nn.Linear(6, 4), nn.Linear(4, 3))
    with pytest.raises(UsageError, match="stages and options are a Pipeline's own"):
        fast_learner(toy.hide_labels(), pipeline, stages={"select": "coreset"})
    with pytest.raises(UsageError, match="model_options are for a network by name"):
        ActiveLearner(toy.hide_labels(), model, model_options={"dropout": 0.5})


class TestSnapshots:
    def fitted(self, toy, **kwargs):
        learner = fast_learner(toy.hide_labels(), **kwargs)
        label_rounds(learner, toy.targets, rounds=2)
        return learner

    def test_a_state_does_not_change_with_the_learner(self, toy):
        learner = self.fitted(toy)
        saved, accuracy, asked = learner.state_dict(), learner.evaluate(), learner.ask(10)
        label_rounds(learner, toy.targets)
        other = fast_learner(toy.hide_labels())
        other.load_state_dict(saved)
        assert other.evaluate() == accuracy
        assert torch.equal(other.ask(10), asked)
        label_rounds(other, toy.targets)
        third = fast_learner(toy.hide_labels())
        third.load_state_dict(saved)
        assert third.evaluate() == accuracy

    def test_what_a_plugin_keeps_does_not_change_either(self, toy, make_plugin):
        def score(pool, ctx):
            ctx.state.setdefault("seen", []).append(len(pool))
            return torch.zeros(len(pool))

        registry = Registry()
        registry.register(make_plugin(alframe_score=score), "counting")
        learner = fast_learner(toy.hide_labels(torch.arange(30)), "counting", registry=registry)
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
            learner.load_state_dict(fast_learner(toy.hide_labels()).state_dict() | change)
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
        learner = fast_learner(toy.hide_labels(torch.arange(30)))

        def stop(stage, done, total):
            raise KeyboardInterrupt

        learner.progress = stop
        with pytest.raises(KeyboardInterrupt):
            learner.fit()
        with pytest.raises(UsageError, match="not been trained yet"):
            learner.ask(1)
        fresh = fast_learner(toy.hide_labels(torch.arange(30)))
        learner.progress = fresh.progress
        assert learner.fit() == fresh.fit()
        assert torch.equal(learner.model.head.weight, fresh.model.head.weight)

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda learner: pickle.loads(pickle.dumps(learner))])
    @pytest.mark.parametrize("arguments", [{}, {"strategy": "badge", "stages": {"train": "linear-probe"}}])
    def test_a_copy_goes_on_with_the_same_picks(self, toy, again, arguments):
        learner = self.fitted(toy, model_options={"dropout": 0.5}, **arguments)
        twin = again(learner)
        assert twin.evaluate() == learner.evaluate()
        picks = label_rounds(twin, toy.targets, rounds=2)
        assert len(learner.labelled) == 20
        assert label_rounds(learner, toy.targets, rounds=2) == picks
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
        return fast_learner(toy.hide_labels(torch.arange(40)), seed=seed, model_options={"dropout": 0.5})

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
    asked = label_rounds(fast_learner(toy.hide_labels(), "badge", stages=stages), toy.targets)
    with mode():
        learner = fast_learner(toy.hide_labels(), "badge", stages=stages)
        learner.predict([0])
        assert label_rounds(learner, toy.targets) == asked
