import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from torch import nn

from alframe import Classifier, estimator_network
from alframe.contract.needs import NEEDS, needed


def network(rate):
    return Classifier(nn.Identity(), nn.Linear(3, 2), dropout=rate)


@pytest.mark.parametrize(
    ("need", "rate", "dtype", "lacking"),
    [
        ("dropout", 0.5, torch.uint8, ""),
        (
            "dropout",
            0.0,
            torch.float32,
            "a network with dropout: one with a Dropout layer whose rate is above 0",
        ),
        ("network", 0.0, torch.float32, ""),
        ("network", 0.0, torch.int64, "inputs that a gradient can change, and these are int64"),
    ],
)
def test_what_is_lacking(need, rate, dtype, lacking):
    found = NEEDS[need].lacking(network(rate), torch.zeros(1, 3, dtype=dtype))
    assert found.startswith(lacking)
    assert bool(found) is bool(lacking)


def test_a_need_may_be_of_one_stage():
    needs = ("dropout", "embed:weights")
    assert needed(needs, ["select"]) == [("", NEEDS["dropout"])]
    assert needed(needs, ["embed"]) == [("", NEEDS["dropout"]), ("embed", NEEDS["weights"])]


def test_each_has_words():
    assert all(need.words for need in NEEDS.values())


@pytest.mark.parametrize(
    ("need", "estimator", "lacking"),
    [
        ("dropout", GaussianNB(), "several trained models, and GaussianNB is one: take a forest"),
        ("dropout", RandomForestClassifier(), ""),
        ("committee", GaussianNB(), "several trained models, and GaussianNB is one: take a forest"),
        ("committee", RandomForestClassifier(), ""),
        ("network", LogisticRegression(), "gradients in the inputs, and LogisticRegression has none"),
        ("weights", GaussianNB(), "a head with weights, and GaussianNB has none: take sklearn:Logistic"),
        ("weights", LogisticRegression(), ""),
        ("estimator", GaussianNB(), ""),
    ],
)
def test_what_estimators_lack(need, estimator, lacking):
    found = NEEDS[need].lacking(estimator_network(estimator, 3, 2), torch.zeros(1, 3))
    assert found.startswith(lacking)
    assert bool(found) is bool(lacking)


def test_a_network_has_weights_and_trains_its_committee():
    assert [NEEDS[need].lacking(network(0.0), torch.zeros(1, 3)) for need in ("weights", "committee")] == [
        "",
        "",
    ]
    assert "a model that is an estimator" in NEEDS["estimator"].lacking(network(0.0), torch.zeros(1, 3))
