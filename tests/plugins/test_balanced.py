import numpy as np
import pytest

import alframe
from alframe import UsageError
from alframe_balanced._balanced import classes_in_turn, excess


def counts_of(have, most, n):
    return np.bincount(classes_in_turn(have, most, n), minlength=len(have)).tolist()


def transcribed(have, most, n):
    """The rule in two steps: targets by need, cut to what is predicted; the rest from classes in excess."""
    have, most = np.array(have), np.array(most)
    need = have.max() - have
    counts = np.zeros_like(have)
    for _ in range(n):
        counts[(counts - need).argmin()] += 1
    counts = np.minimum(counts, most)
    while counts.sum() < min(n, most.sum()):
        counts[np.where(counts < most, counts - need, np.iinfo(int).max).argmin()] += 1
    return counts.tolist()


def test_classes_that_have_few_labels_get_most():
    assert counts_of([5, 1, 1], [100, 100, 100], 8) == [0, 4, 4]
    assert counts_of([5, 1, 1], [100, 100, 100], 10) == [1, 5, 4]
    assert counts_of([3, 3, 3], [100, 100, 100], 6) == [2, 2, 2]


def test_no_class_gives_more_than_are_predicted():
    assert counts_of([5, 1, 1], [100, 100, 2], 8) == [1, 5, 2]
    assert counts_of([5, 1, 1], [100, 0, 0], 8) == [8, 0, 0]
    assert counts_of([0, 0, 0], [1, 1, 1], 8) == [1, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_is_the_rule_in_two_steps(seed):
    draws = np.random.default_rng(seed)
    C = int(draws.integers(1, 12))
    have, most = draws.integers(0, 9, size=C).tolist(), draws.integers(0, 15, size=C).tolist()
    n = int(draws.integers(1, 60))
    assert counts_of(have, most, n) == transcribed(have, most, n)


def test_excess_is_what_rare_predictions_leave_to_others():
    assert excess([5, 1, 1], [0, 4, 4], 8) == 0
    assert excess([5, 1, 1], [1, 5, 2], 8) == 2
    assert excess([5, 1, 1], [8, 0, 0], 8) == 8


def predictions(problem):
    logits = problem.X @ problem.W.T + problem.b
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def transcribed_query(problem, C):
    """The counts, and within a class the smallest margins; ``of`` its default."""
    probs = predictions(problem)
    label, ordered = probs.argmax(axis=1), np.sort(probs, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    have = np.bincount(problem.yL, minlength=C)
    counts = transcribed(have, np.bincount(label, minlength=C), problem.n)
    picks = []
    for c, count in enumerate(counts):
        own = np.flatnonzero(label == c)
        picks += own[margin[own].argsort(kind="stable")[:count]].tolist()
    return sorted(picks), counts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("C", [2, 5])
def test_a_query_is_margin_within_each_class(make, C, seed):
    problem = make(seed, C=C)
    found = alframe.query("balanced", **problem.query)
    wanted, counts = transcribed_query(problem, C)
    assert sorted(found.indices.tolist()) == wanted
    logged = found.logged["balanced"]
    assert [logged[f"predicted_{c}"] for c in range(C)] == counts
    assert found.topped_up == 0


def test_where_all_classes_are_needed_alike_it_is_margin_within_each(make):
    problem = make(N=600, L=20, C=4)
    problem.X -= problem.X.mean(axis=0)
    label = predictions(problem).argmax(axis=1)
    assert np.bincount(label).min() > 5
    problem.query["labelled_targets"] = np.arange(20) % 4
    found = alframe.query("balanced", **problem.query).indices.tolist()
    for c in range(4):
        own = np.flatnonzero(label == c)
        alone = alframe.query("margin", **(problem.query | {"features": problem.X[own], "n": 5}))
        assert [i for i in found if label[i] == c] == own[alone.indices].tolist()
    assert (label[found] == np.arange(20) % 4).all()  # one of each in turn


def test_scores_choose_where_there_are_some(make):
    problem = make()
    found = alframe.query("entropy", stages={"select": "balanced"}, **problem.query)
    asked = alframe.query("balanced", options={"of": "entropy"}, **problem.query)
    assert found.indices.tolist() == asked.indices.tolist()


def test_samples_that_are_pending_count_as_predicted():
    """What somebody is labelling now need not be asked for again."""
    digits = alframe.load_dataset("digits")
    learner = alframe.ActiveLearner(digits.hide_labels(), "mlp", "balanced", device="cpu")
    picks = learner.ask(30)
    learner.tell(picks, digits.targets[picks])
    learner.fit()
    whole, first = learner.query(len(digits) - 30), learner.query(30)
    second = learner.query(30, pending=first.indices)
    predicted = [
        [int(asked.logged["balanced"][f"predicted_{c}"]) for c in range(10)]
        for asked in (whole, first, second)
    ]
    have = digits.targets[picks].bincount(minlength=10).tolist()
    assert np.add(*predicted[1:]).tolist() == counts_of(have, predicted[0], 60)


def test_nothing_need_be_labelled(make):
    """As margin, it needs predictions alone."""
    problem = make()
    found = alframe.query("balanced", features=problem.X, head=(problem.W, problem.b), n=5, device="cpu")
    assert len(found.indices.unique()) == 5
    assert found.topped_up == 0


def test_features_without_predictions_are_told_what_is_missing(make):
    with pytest.raises(UsageError, match="balanced needs predictions: pass head="):
        alframe.query("balanced", features=make().X, n=5, device="cpu")


def test_least_confidence_ranks_as_activelab_does(make):
    """ActiveLab's score of unlabelled samples, one annotator: a weighted mean of max p and 1/C."""
    problem = make(C=4)
    probs = predictions(problem)
    active_lab = (3 * probs.max(axis=1) + 2 / 4) / 5
    found = alframe.query("least-confidence", **(problem.query | {"n": 150}))
    assert found.indices.tolist() == active_lab.argsort(kind="stable").tolist()
