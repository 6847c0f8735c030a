import io

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import BaggingClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from alframe import UsageError, estimator_network
from alframe.learning.estimator_heads import is_estimator, members_to_come, prototype_of, unfitted

C = 4


@pytest.fixture
def data():
    """60 samples of 5 columns and of classes 0, 2 and 3: nobody has seen class 1."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(60, 5))
    y = np.array([0, 2, 3])[(x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)]
    return x, y


def fitted(estimator, data):
    network = estimator_network(estimator, 5, C)
    x, y = data
    known = prototype_of(network)
    network.head.take(known.fit(x, y), np.unique(y))
    return network, known, torch.from_numpy(x)


class Constant(ClassifierMixin, BaseEstimator):
    """Says the same of all samples: as many columns as it is told."""

    def __init__(self, columns=3, value=None):
        self.columns = columns
        self.value = value

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.full((len(x), self.columns), 1 / self.columns if self.value is None else self.value)


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        LogisticRegression(),
        LogisticRegression(C=100, fit_intercept=False),
        RandomForestClassifier(5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
)
def test_logits_are_of_the_estimators_probabilities(estimator, data):
    network, known, x = fitted(estimator, data)
    logits = network(x.float())
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    probs = logits.double().softmax(dim=1)
    assert (probs[:, 1] < 1e-12).all()  # nobody has seen it
    expected = torch.from_numpy(known.predict_proba(data[0]))
    assert torch.allclose(probs[:, [0, 2, 3]], expected, atol=1e-5)


def test_of_two_classes_logistic_regression_has_two_rows_of_weights(data):
    x, y = data
    kept = y != 3
    network, known, x = fitted(LogisticRegression(), (x[kept], y[kept]))
    assert isinstance(network.head, nn.Linear)
    probs = network(x.float()).softmax(dim=1)
    assert torch.allclose(
        probs[:, [0, 2]].double(), torch.from_numpy(known.predict_proba(x.numpy())), atol=1e-6
    )
    assert not network.head.weight[[1, 3]].any()


def test_one_class_is_certain():
    for network in (estimator_network(GaussianNB(), 5, C), estimator_network(LogisticRegression(), 5, C)):
        network.head.take(None, np.array([2]))
        probs = network(torch.randn(7, 5)).softmax(dim=1)
        assert (probs[:, 2] > 1 - 1e-6).all()


def test_before_a_fit_all_classes_are_as_likely():
    network = estimator_network(GaussianNB(), 6, C)
    assert not network(torch.zeros(2, 1, 2, 3)).any()
    assert network.features(torch.zeros(2, 1, 2, 3)).shape == (2, 6)
    assert network(torch.zeros(2, 6, device="meta")).shape == (2, C)
    assert network(torch.zeros(0, 6)).shape == (0, C)


def test_a_net_may_answer_for_all_classes_and_nothing_else():
    network = estimator_network(Constant(C), 5, C)
    network.head.take(Constant(C), np.array([0, 2, 3]))
    assert torch.allclose(network(torch.zeros(2, 5)).softmax(dim=1), torch.full((2, C), 1 / C))
    network.head.take(Constant(2), np.array([0, 2, 3]))
    with pytest.raises(UsageError, match="Constant.predict_proba gave 2 columns, and the labels .* 3 of 4"):
        network(torch.zeros(2, 5))
    network.head.take(Constant(3, np.nan), np.array([0, 2, 3]))
    with pytest.raises(UsageError, match="NaN"):
        network(torch.zeros(2, 5))


def test_the_users_own_is_never_fitted_nor_shared():
    own = make_pipeline(StandardScaler(), GaussianNB())
    one, other = estimator_network(own, 5, C), estimator_network(own, 5, C)
    assert prototype_of(one) is not own
    assert prototype_of(one) is not prototype_of(other)
    assert prototype_of(one)[0] is not own[0]


def test_nothing_of_it_is_pickled_into_weights(data):
    network, _, _ = fitted(GaussianNB(), data)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    assert torch.load(file, weights_only=True) == {}


@pytest.mark.parametrize(
    ("estimator", "members"),
    [
        (RandomForestClassifier(5, random_state=0), 5),
        (BaggingClassifier(max_features=0.6, n_estimators=4, random_state=0), 4),
        (make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)), 3),
        (BaggingClassifier(LinearSVC(), n_estimators=3, random_state=0), 3),  # of those that have none
        (GradientBoostingClassifier(n_estimators=2), 0),  # its trees are regressors
        (GaussianNB(), 0),
    ],
)
def test_members_of_an_ensemble_vote(estimator, members, data):
    assert members_to_come(estimator) == members
    network, _, x = fitted(estimator, data)
    assert network.head.members == members
    if members:
        x = x.float()
        mean = sum(network.head.member_probs(one, x) for one in range(members)) / members
        assert torch.allclose(mean, network(x).softmax(dim=1), atol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SVC(), "SVC has no predict_proba: .*; take one that gives probabilities, or in sklearn.calibration"),
        (StandardScaler(), "StandardScaler has no predict_proba"),
        (RandomForestClassifier(warm_start=True), "warm_start=True goes on from the last round's fit"),
        (make_pipeline(RandomForestClassifier(warm_start=True)), "randomforestclassifier__warm_start=True"),
        (RandomForestClassifier(max_depth=-1), "'max_depth' parameter of RandomForestClassifier must be"),
    ],
)
def test_what_is_refused(estimator, message):
    with pytest.raises(UsageError, match=message) as raised:
        unfitted(estimator)
    assert "\n" not in str(raised.value)


def test_who_has_no_parameters_is_refused():
    class Own:
        def fit(self, x, y): ...
        def predict_proba(self, x): ...

    assert is_estimator(Own())
    with pytest.raises(UsageError, match="Own has no get_params: a model needs fit, predict_proba and"):
        unfitted(Own())


def test_classes_and_networks_are_no_estimators():
    assert not is_estimator(GaussianNB)
    assert not is_estimator(nn.Linear(2, 2))
    assert not is_estimator("mlp")


def test_texts_are_no_columns():
    model = estimator_network(GaussianNB(), 9, 2)
    with pytest.raises(UsageError, match="takes columns of numbers, and these samples are texts: take"):
        model.features(torch.zeros(2, 9, dtype=torch.uint8))


class Heir(GaussianNB):
    """Somebody's own, and still one of scikit-learn's."""


@pytest.mark.parametrize(
    ("estimator", "dtype"),
    [
        (GaussianNB(), np.float64),
        (Heir(), np.float64),
        (make_pipeline(StandardScaler(), GaussianNB()), np.float64),
        (Constant(), np.float32),
        (make_pipeline(StandardScaler(), Constant()), np.float32),
    ],
)
def test_scikit_learns_own_compute_in_float64(estimator, dtype):
    assert estimator_network(estimator, 5, C).head.rows_for(torch.zeros(2, 5)).dtype == dtype
