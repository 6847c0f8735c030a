import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import alframe
from alframe import ActiveLearner, UsageError, query
from alframe_leaves import _leaves
from alframe_leaves._leaves import Leaves, numbered


def by_hand(forest, x):
    """``1 - proximity`` of all pairs, twice, in float64."""
    leaves = forest.apply(x).reshape(len(x), -1)
    return 2 - 2 * (leaves[:, None] == leaves[None]).mean(axis=2)


@pytest.fixture
def learner(toy):
    def learn(model, strategy="leaves", **others):
        one = ActiveLearner(toy.hide_labels(), model, strategy, **others)
        one.tell(range(40), toy.targets[:40])
        one.fit()
        return one

    return learn


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(7, random_state=0),
        GradientBoostingClassifier(n_estimators=4, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ],
)
def test_distances_are_those_of_the_proximities(model, learner, toy):
    head = learner(model).model.head
    leaves = numbered(head.leaves(toy.inputs))
    points = Leaves(leaves, int(leaves.max()) + 1)
    fitted, x = head.fitted.estimator, toy.inputs.double().numpy()
    if hasattr(fitted, "steps"):
        fitted, x = fitted[-1], fitted[:-1].transform(x)
    expected = torch.from_numpy(by_hand(fitted, x))
    assert torch.allclose(points.squared_distances(points).double(), expected, atol=1e-6)
    vectors, exact = points.vectors(torch.Generator())
    assert exact
    assert torch.allclose(torch.cdist(vectors, vectors).square().double(), expected, atol=1e-4)
    assert torch.allclose(vectors.square().sum(dim=1), points.squared_norms())


def test_a_sketch_is_near_where_vectors_are_too_many(monkeypatch):
    leaves = numbered(torch.randint(30, (60, 50), generator=torch.Generator().manual_seed(0)))
    points = Leaves(leaves, int(leaves.max()) + 1)
    monkeypatch.setattr(_leaves, "MOST_NUMBERS", 100)
    vectors, exact = points.vectors(torch.Generator())
    assert (vectors.shape[1], exact) == (1024, False)
    distances = points.squared_distances(points)
    assert (torch.cdist(vectors, vectors).square() - distances).abs().mean() < 0.1
    assert torch.equal(points[3:5].vectors(torch.Generator().manual_seed(9)).x, vectors[3:5])


@pytest.mark.parametrize("select", ["coreset", "badge", "lcmd", "maxdet"])
def test_selectors_take_it(select, learner):
    stages = {"embed": "leaves", "select": select}
    picks = learner(RandomForestClassifier(5), "random", stages=stages).ask(10)
    assert len(picks.unique()) == 10


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosted_trees_have_leaves(library, learner):
    pytest.importorskip(library, reason="an extra's")
    one = learner(library, model_options={"n_estimators": 5})
    assert one.model.head.leaves(torch.zeros(3, 6)).shape == (3, 15)  # of three classes
    assert len(one.ask(10)) == 10


def test_the_first_pick_lies_farthest(learner, toy):
    one = learner(RandomForestClassifier(9, random_state=0))
    distances = by_hand(one.model.head.fitted.estimator, toy.inputs.double().numpy())[40:, :40].min(axis=1)
    assert distances[one.ask(1).item() - 40] == pytest.approx(distances.max())


def test_of_one_class_there_is_one_leaf(toy):
    one = ActiveLearner(toy.hide_labels(), RandomForestClassifier(5), "leaves")
    same = torch.where(toy.targets == 1)[0][:5]
    one.tell(same, toy.targets[same])
    one.fit()
    assert not one.model.head.leaves(toy.inputs).any()
    assert len(one.ask(4)) == 4


def test_who_has_no_leaves_is_refused(toy):
    for model, name in (
        (HistGradientBoostingClassifier(), "HistGradientBoosting.* has none"),
        ("mlp", "network"),
    ):
        with pytest.raises(UsageError, match=f"leaves needs trees that say .*{name}: take sklearn:Random"):
            ActiveLearner(toy.hide_labels(), model, "leaves")
    with pytest.raises(UsageError, match="leaves needs a model of trees"):
        alframe.query("leaves", features=np.eye(4), n=1)


@pytest.mark.parametrize("kind", ["forest", "gradient boosting", "xgboost", "lightgbm"])
def test_a_fitted_model_of_trees_is_a_head_of_a_query(kind):
    """Fitted to a table with names; the picks are the farthest by the shares of its trees."""
    x = pd.DataFrame(
        np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32), columns=["a", "b", "c"]
    )
    y = (x["a"] > 0).to_numpy().astype(int)
    if kind == "xgboost":
        model = pytest.importorskip("xgboost", reason="XGBoost is not installed").XGBClassifier(
            n_estimators=5
        )
    elif kind == "lightgbm":
        library = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
        model = library.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1)
    else:
        models = {"forest": RandomForestClassifier, "gradient boosting": GradientBoostingClassifier}
        model = models[kind](n_estimators=5, random_state=0)
    model.fit(x, y)
    if kind == "lightgbm":
        leaves = model.predict(x, pred_leaf=True)
    else:
        leaves = model.apply(x.to_numpy() if kind == "gradient boosting" else x)
    leaves = np.asarray(leaves).reshape(60, -1)
    result = query(
        "leaves", features=x[10:], head=model, n=1, labelled_features=x[:10], labelled_targets=y[:10]
    )
    apart = 2 - 2 * (leaves[10:, None] == leaves[None, :10]).mean(axis=2)
    nearest = apart.min(axis=1)
    assert nearest[int(result.indices[0])] == pytest.approx(nearest.max())


def test_who_has_no_trees_is_told_what_to_pass():
    x = np.zeros((4, 2), np.float32)
    with pytest.raises(UsageError, match="pass a fitted forest or boosted trees"):
        query("leaves", features=x, head=(np.ones((2, 2)), None), n=1)
