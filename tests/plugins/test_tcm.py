import numpy as np
import pytest

import alframe
from alframe import Recipe, UsageError
from alframe_tcm import Options
from alframe_tcm._tcm import is_early


@pytest.mark.parametrize(
    ("number", "labels", "options", "early"),
    [
        (0, 0, {}, True),
        (0, 0, {"steps": 0, "switch_at": 0}, True),
        (1, 500, {}, True),
        (3, 500, {}, True),
        (4, 500, {}, False),
        (1, 500, {"steps": 0}, False),
        (9, 49, {"switch_at": 5}, True),
        (1, 50, {"switch_at": 5}, False),
        (9, 4, {"switch_at": 0.5}, True),
    ],
)
def test_when_the_turn_is_over(number, labels, options, early):
    assert is_early(number, labels, 10, Options(**options)) == early


def blobs(make):
    """Far apart, so that TypiClust picks the densest of the one without a label, whatever is drawn."""
    problem = make(N=90, L=3, C=3, D=4, n=1)
    noise = 0.01 * np.random.default_rng(0).normal(size=(90, 4))
    problem.query["features"] = np.eye(4).repeat([40, 20, 20, 10], axis=0) + noise
    problem.query["labelled_features"] = np.eye(4)[:3]
    return problem.query


def test_before_the_switch_it_is_typiclust_and_after_it_margin(make):
    query = blobs(make)
    early, late = (alframe.query("tcm", options={"steps": steps}, **query) for steps in (1, 0))
    assert early.indices.tolist() == alframe.query("typiclust", **query).indices.tolist()
    assert late.indices.tolist() == alframe.query("margin", **query).indices.tolist()
    assert early.indices.tolist() != late.indices.tolist()
    assert (early.logged["tcm"]["switched"], late.logged["tcm"]["switched"]) == (0, 1)


def test_a_learner_switches_after_the_steps_and_its_start_is_none_of_them():
    digits = alframe.load_dataset("digits")
    options = {"tcm": {"steps": 2}}
    learner = alframe.ActiveLearner(
        digits.hide_labels(),
        "mlp",
        "tcm",
        start="tcm",
        options=options,
        recipe=Recipe(epochs=1),
        device="cpu",
    )
    switched = []
    for _ in range(4):
        picks = learner.ask(10)
        learner.tell(picks, digits.targets[picks])
        learner.fit()
        switched.append(learner.query(5).logged["tcm"]["switched"])
    assert switched == [0, 0, 1, 1]


def test_without_labels_the_first_strategy_must_be_able_to_start(make):
    X = make().X
    found = alframe.query("tcm", features=X, n=5, num_classes=3, device="cpu", options={"first": "centroids"})
    assert len(found.indices.unique()) == 5
    with pytest.raises(UsageError, match="margin"):
        alframe.query("tcm", features=X, n=5, num_classes=3, device="cpu", options={"first": "margin"})
