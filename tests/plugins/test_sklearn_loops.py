"""alframe's strategies in the loops of scikit-activeml and modAL, with the real packages."""

import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import alframe
from alframe_sklearn import loops


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=5, return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.fixture
def skactiveml():
    """Its classifier wrapper, and our strategy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the package warns of when it is imported
        why = "scikit-activeml is not installed, or does not go with this scikit-learn"
        classifier = pytest.importorskip("skactiveml.classifier", reason=why, exc_type=ImportError)
    return classifier.SklearnClassifier, loops.AlframeQueryStrategy


@pytest.fixture
def half_labelled(digits):
    X, y = digits
    known = y.astype(float)
    known[40:] = np.nan
    return X, known


def wrapped(SklearnClassifier, **given):
    return SklearnClassifier(LogisticRegression(max_iter=500), classes=list(range(5)), **given)


@pytest.mark.parametrize("strategy", ["margin", "badge", "coreset"])
def test_picks_of_a_scikit_activeml_strategy_are_those_of_query(strategy, skactiveml, half_labelled):
    SklearnClassifier, Strategy = skactiveml
    X, y = half_labelled
    asked = Strategy(strategy, random_state=3)
    picks, utilities = asked.query(X, y, wrapped(SklearnClassifier), batch_size=4, return_utilities=True)
    head = LogisticRegression(max_iter=500).fit(X[:40], y[:40].astype(int))
    from skactiveml.utils import check_random_state

    seed = int(check_random_state(3, 260 + 1).randint(2**31 - 1))  # as scikit-activeml has a seed for a round
    wanted = alframe.query(
        strategy,
        features=X[40:],
        n=4,
        head=head,
        labelled_features=X[:40],
        labelled_targets=y[:40].astype(int),
        seed=seed,
    )
    assert picks.tolist() == (wanted.indices + 40).tolist()
    assert utilities.shape == (4, 300)
    assert np.isnan(utilities[:, :40]).all()
    for step, pick in enumerate(picks):
        assert np.isnan(utilities[step, picks[:step]]).all()
        assert np.isfinite(utilities[step, pick])
        if strategy != "badge":
            assert np.nanargmax(utilities[step]) == pick
    assert asked.query(X, y, wrapped(SklearnClassifier), batch_size=4).tolist() == picks.tolist()


def test_candidates_are_row_numbers_or_samples(skactiveml, half_labelled):
    SklearnClassifier, Strategy = skactiveml
    X, y = half_labelled
    clf = wrapped(SklearnClassifier).fit(X, y)
    rows = np.arange(100, 200)
    by_number, of_all = Strategy("margin").query(
        X, y, clf, fit_clf=False, candidates=rows, batch_size=5, return_utilities=True
    )
    by_sample, of_them = Strategy("margin").query(
        X, y, clf, fit_clf=False, candidates=X[rows], batch_size=5, return_utilities=True
    )
    assert by_number.tolist() == rows[by_sample].tolist()
    assert of_all.shape == (5, 300)
    assert of_them.shape == (5, 100)
    assert np.array_equal(of_all[:, rows], of_them, equal_nan=True)


def test_their_loop(skactiveml, digits):
    """As scikit-activeml documents it: from no label on, with a class that has none yet."""
    SklearnClassifier, Strategy = skactiveml
    X, truth = digits
    y = np.full(len(X), np.nan)
    y[Strategy("random", random_state=0).query(X, y, batch_size=10)] = 0
    y[~np.isnan(y)] = truth[~np.isnan(y)]
    clf, strategy = wrapped(SklearnClassifier), Strategy("margin", random_state=0)
    for _ in range(6):
        clf.fit(X, y)
        picks = strategy.query(X=X, y=y, clf=clf, batch_size=10)
        assert np.isnan(y[picks]).all()
        y[picks] = truth[picks]
    assert (~np.isnan(y)).sum() == 70
    assert clf.fit(X, y).score(X, truth) > 0.9


def test_without_scikit_activeml_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "alframe_sklearn._skactiveml", None)
    with pytest.raises(alframe.UsageError, match="needs scikit-activeml .*: pip install"):
        loops.AlframeQueryStrategy  # noqa: B018
    with pytest.raises(AttributeError, match="nothing"):
        loops.nothing  # noqa: B018


@pytest.mark.parametrize("strategy", ["margin", "badge", "coreset"])
def test_picks_in_a_loop_of_modal_are_those_of_query(strategy, digits):
    """Its `teach` can't be used with scikit-learn 1.8 and later, so each round has a new learner."""
    models = pytest.importorskip("modAL.models", reason="modAL is not installed")
    X, y = digits
    labelled = np.arange(30)
    for _ in range(2):
        rest = np.setdiff1d(np.arange(len(X)), labelled)
        learner = models.ActiveLearner(
            LogisticRegression(max_iter=500),
            query_strategy=loops.modal_query(strategy, seed=2),
            X_training=X[labelled],
            y_training=y[labelled],
        )
        picks, samples = learner.query(X[rest], n_instances=2)  # two: modAL takes a pair apart
        wanted = alframe.query(
            strategy,
            features=X[rest],
            n=2,
            head=learner.estimator,
            labelled_features=X[labelled],
            labelled_targets=y[labelled],
            seed=2,
        )
        assert picks.tolist() == wanted.indices.tolist()
        assert np.array_equal(samples, X[rest][picks])
        labelled = np.union1d(labelled, rest[picks])
    assert len(labelled) == 34


def test_a_committee_of_modal_is_one_of_alframe(digits):
    models = pytest.importorskip("modAL.models", reason="modAL is not installed")
    X, y = digits
    members = [
        models.ActiveLearner(LogisticRegression(C=c, max_iter=500), X_training=X[:30], y_training=y[:30])
        for c in (0.01, 1.0, 100.0)
    ]
    committee = models.Committee(members, query_strategy=loops.modal_query("qbc"))
    picks, _ = committee.query(X[30:], n_instances=5)
    probs = np.stack([member.predict_proba(X[30:]) for member in members])
    assert picks.tolist() == alframe.query("qbc", probs=probs, n=5).indices.tolist()


def test_labels_may_be_texts_and_what_is_missing_may_be_one(skactiveml, digits):
    """A forest in scikit-activeml's wrapper is a committee as soon as all classes are known."""
    SklearnClassifier, Strategy = skactiveml
    X, truth = digits
    names = np.array(["nil", "one", "two", "three", "four"])[truth]
    y = np.where(np.arange(len(X)) < 40, names, "?")
    forest = RandomForestClassifier(5, random_state=0)
    clf = SklearnClassifier(forest, classes=sorted(set(names)), missing_label="?", random_state=0)
    picks = Strategy("bald", missing_label="?", random_state=1).query(X, y, clf, batch_size=3)
    assert len(set(picks.tolist())) == 3
    assert min(picks) >= 40
    y[names == "nil"] = "?"
    with pytest.raises(alframe.UsageError, match="bald needs several predictions"):
        Strategy("bald", missing_label="?").query(X, y, clf)
    assert len(Strategy("margin", missing_label="?").query(X, y, clf)) == 1


def test_where_all_is_labelled_nothing_is_chosen(skactiveml, digits):
    X, y = digits
    with pytest.warns(UserWarning, match="larger than number of candidates"):
        picks, utilities = skactiveml[1]("random").query(X, y.astype(float), return_utilities=True)
    assert (picks.shape, utilities.shape) == ((0,), (0, len(X)))


def test_what_a_strategy_lacks_is_said_in_a_line(skactiveml, half_labelled):
    X, y = half_labelled
    with pytest.raises(alframe.UsageError, match="margin needs predictions"):
        skactiveml[1]("margin").query(X, y)
    with pytest.raises(alframe.UsageError, match="unknown strategy"):
        skactiveml[1]("nobody").query(X, y)
