import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from alframe import UsageError, query
from alframe.learning.estimators import Estimator, estimator_of

rng = np.random.default_rng(0)
Y = np.arange(60) % 3
X = rng.normal(size=(60, 5)) + 2 * np.eye(3, 5)[Y]
NAMES = np.array(["cat", "dog", "emu"])


def softmax_of(weights, x):
    W, b = weights
    z = x @ W.T + (0 if b is None else b)
    if len(W) == 1:
        z = np.concatenate([-z / 2, z / 2], axis=1)
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


class TestWeights:
    @pytest.mark.parametrize("classes", [2, 3])
    @pytest.mark.parametrize("intercept", [True, False])
    def test_those_of_softmax_regression_whatever_the_labels(self, classes, intercept):
        model = LogisticRegression(fit_intercept=intercept).fit(X, NAMES[Y % classes])
        one = Estimator(model)
        np.testing.assert_allclose(softmax_of(one.weights(), X), model.predict_proba(X), atol=1e-6)
        assert one.classes == tuple(NAMES[:classes])

    def test_a_pipelines_are_those_of_its_last_step_on_what_that_gets(self):
        pipe = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)).fit(X, Y % 2)
        search = GridSearchCV(pipe, {"sgdclassifier__alpha": [0.001]}, cv=2).fit(X, Y % 2)
        for given in (pipe, search):
            one = Estimator(given)
            seen = one.transformed(X)
            np.testing.assert_allclose(seen, StandardScaler().fit_transform(X))
            np.testing.assert_allclose(softmax_of(one.weights(), seen), given.predict_proba(X), atol=1e-6)

    def test_those_of_others_too_where_they_tell_the_answers(self):
        sparse = LogisticRegression().fit(X, Y).sparsify()
        for model in (LinearDiscriminantAnalysis().fit(X, Y), sparse):
            found = softmax_of(Estimator(model).weights(), X)
            np.testing.assert_allclose(found, model.predict_proba(X), atol=1e-6)

    @pytest.mark.parametrize(
        "model",
        [
            SGDClassifier(loss="log_loss", random_state=0),
            SGDClassifier(loss="modified_huber", random_state=0),
            OneVsRestClassifier(LogisticRegression()),
            CalibratedClassifierCV(LinearSVC(), cv=2),
            GaussianNB(),
            KNeighborsClassifier(3),
        ],
    )
    def test_where_they_say_something_else_there_are_none(self, model):
        one = Estimator(model.fit(X, Y))
        assert one.weights() is None
        np.testing.assert_allclose(one.probabilities(X, 60), model.predict_proba(X), atol=1e-9)

    def test_of_texts_the_features_stay_sparse(self):
        texts = [f"{name} {number}" for number, name in enumerate(NAMES[Y])]
        one = Estimator(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, Y))
        assert sp.issparse(one.transformed(texts))
        assert one.weights()[0].shape[0] == 3


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(4, random_state=0),
        ExtraTreesClassifier(4, random_state=0),
        BaggingClassifier(GaussianNB(), 4, max_features=0.6, random_state=0),
        # members that have not seen all classes
        BaggingClassifier(KNeighborsClassifier(1), 4, max_samples=4, random_state=3),
        BaggingClassifier(RidgeClassifier(), 4, random_state=0),
        VotingClassifier([("nb", GaussianNB()), ("lr", LogisticRegression())], voting="soft"),
    ],
)
def test_the_mean_of_members_is_the_answer_of_the_committee(model, frame):
    samples = pd.DataFrame(X, columns=list("abcde")) if frame else X
    whole = Estimator(make_pipeline("passthrough", model.fit(samples, NAMES[Y])))
    members = list(whole.member_probs(samples, 60, 3))
    assert whole.members == len(members) >= 2
    mean = sum(member.double() for member in members) / len(members)
    np.testing.assert_allclose(mean, whole.probabilities(samples, 60), atol=1e-6)


def test_a_list_of_estimators_is_a_committee():
    several = [LogisticRegression(C=c).fit(X, NAMES[Y]) for c in (0.01, 1, 100)]
    whole = estimator_of(several)
    members = [one.predict_proba(X) for one in several]
    assert (whole.members, whole.classes) == (3, tuple(NAMES))
    np.testing.assert_allclose(whole.probabilities(X, 60), np.mean(members, axis=0), atol=1e-12)
    np.testing.assert_allclose(list(whole.member_probs(X, 60, 3, range(1, 3))), members[1:], atol=1e-6)
    assert len(query("qbc", features=X, head=several, n=5, device="cpu").indices) == 5
    with pytest.raises(UsageError, match="the members of a committee know other classes"):
        estimator_of([*several, LogisticRegression().fit(X, Y)])


def test_boosted_trees_are_no_committee():
    assert Estimator(GradientBoostingClassifier(n_estimators=2).fit(X, Y)).members == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (RandomForestClassifier, "head is the class RandomForestClassifier: give an object"),
        (LinearSVC().fit(X, Y), r"LinearSVC gives no probabilities: pass logits=linearsvc.decision_function"),
        (GradientBoostingRegressor(), "it predicts a quantity: .* one label a sample"),
        (TfidfVectorizer(), "TfidfVectorizer gives no probabilities, it has no predict_proba: pass"),
        (RandomForestClassifier(2).fit(X, np.eye(3)[Y]), "knows 3 labels a sample: .* one label a sample"),
    ],
)
def test_what_gives_no_probabilities_is_one_line(given, message):
    with pytest.raises(UsageError, match=message):
        Estimator(given)


def test_one_that_knows_one_class_only():
    model = RandomForestClassifier(2).fit(X, np.full(60, "cat"))
    with pytest.raises(UsageError, match="knows one class only, 'cat': fit it to samples of two at least"):
        Estimator(model).probabilities(X, 60)


def test_one_that_is_not_fitted_and_a_step_that_fails_are_one_line():
    with pytest.raises(UsageError, match="RandomForestClassifier is not fitted"):
        Estimator(RandomForestClassifier()).probabilities(X, 60)
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    with pytest.raises(UsageError, match="the pipeline before LogisticRegression can't take these samples"):
        Estimator(pipe).transformed(X[:, :2])
