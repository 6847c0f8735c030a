import copy
import io
import pickle

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from alframe import ActiveLearner, Recipe, UsageError

FOREST = RandomForestClassifier(5)


def learner(toy, model=FOREST, **others):
    return ActiveLearner(toy.hide_labels(), model, "margin", seed=3, **others)


def rounds(learner, toy, count):
    for _ in range(count):
        picks = learner.ask(10)
        learner.tell(picks, toy.targets[picks])
        learner.fit()
    return learner


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("model", [FOREST, LogisticRegression()])
@pytest.mark.parametrize("told", [False, True])
def test_a_state_is_taken_up_as_if_never_left(toy, model, told):
    """Also where labels came after the last fit: it is fitted to those before."""
    first = rounds(learner(toy, model), toy, 2)
    if told:
        picks = first.ask(5)
        first.tell(picks, toy.targets[picks])
    second = learner(toy, model)
    second.load_state_dict(through_a_file(first.state_dict()))
    everything = torch.arange(len(toy))
    assert torch.equal(second.probabilities(everything), first.probabilities(everything))
    assert torch.equal(second.ask(20), first.ask(20))
    assert rounds(second, toy, 1).labelled.tolist() == rounds(first, toy, 1).labelled.tolist()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_keep_what_was_fitted(toy, twin):
    first = rounds(learner(toy), toy, 2)
    second = twin(first)
    assert torch.equal(second.ask(20), first.ask(20))
    rounds(second, toy, 1)
    assert len(first.labelled) == 20
    assert first.model.head.fitted.estimator is not second.model.head.fitted.estimator


def test_a_state_before_any_fit_forgets_a_later_one(toy):
    first = learner(toy)
    before = first.state_dict()
    rounds(first, toy, 1)
    first.load_state_dict(before)
    assert first.model.head.fitted is None


@pytest.mark.parametrize(
    ("to", "message"),
    [(None, "does not say which samples"), ([99, 1], "fitted to 99 samples"), (["a", 1], "does not say")],
)
def test_a_state_that_does_not_say_what_it_was_fitted_to(toy, to, message):
    first = rounds(learner(toy), toy, 1)
    second = rounds(learner(toy), toy, 2)
    picks = second.ask(10)
    with pytest.raises(UsageError, match=message):
        second.load_state_dict(first.state_dict() | {"fitted_to": to})
    assert torch.equal(second.ask(10), picks)


def test_it_does_not_go_on_from_the_last_round(toy):
    with pytest.raises(UsageError, match="warm_start is for networks, and RandomForestClassifier is"):
        learner(toy, recipe=Recipe(warm_start=True))


def test_an_interrupted_fit_leaves_the_last_one(toy, monkeypatch):
    first = rounds(learner(toy), toy, 1)
    picks = first.ask(10)

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(RandomForestClassifier, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    assert torch.equal(first.ask(10), picks)
