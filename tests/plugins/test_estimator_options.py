import dataclasses

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from alframe import UsageError
from alframe.contract.options import build, describe, identifying
from alframe_estimator.options import changed, options_of


def given(kind, **values):
    return changed(build(options_of(kind), values, "model"))


@pytest.mark.parametrize(
    ("kind", "values", "typed"),
    [
        (RandomForestClassifier, {"max_features": "0.5"}, {"max_features": 0.5}),
        (RandomForestClassifier, {"max_features": "3"}, {"max_features": 3}),
        (RandomForestClassifier, {"max_features": "log2"}, {"max_features": "log2"}),
        (RandomForestClassifier, {"max_features": "none"}, {"max_features": None}),
        (
            RandomForestClassifier,
            {"max_depth": "3", "bootstrap": "false"},
            {"max_depth": 3, "bootstrap": False},
        ),
        (RandomForestClassifier, {"max_depth": "none", "n_estimators": "100"}, {}),  # the defaults
        (HistGradientBoostingClassifier, {"early_stopping": "true"}, {"early_stopping": True}),
        (HistGradientBoostingClassifier, {"early_stopping": "auto"}, {}),
        (MLPClassifier, {"hidden_layer_sizes": "50,50"}, {"hidden_layer_sizes": (50, 50)}),
    ],
)
def test_values_have_the_types_of_the_parameters(kind, values, typed):
    assert given(kind, **values) == typed


def test_defaults_are_not_in_a_settings_name():
    assert identifying(options_of(RandomForestClassifier)()) == {}


def test_what_is_decided_here_is_no_option():
    names = {field.name for field in dataclasses.fields(options_of(RandomForestClassifier))}
    assert "warm_start" not in names
    assert {"max_depth", "n_jobs", "random_state"} <= names


def test_help_is_the_documentations_first_sentence():
    help_ = {field.name: field.help for field in describe(options_of(RandomForestClassifier))}
    assert help_["n_estimators"] == "The number of trees in the forest."
    assert all(help_.values())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_dept": "3"}, "unknown option of 'model' 'max_dept'. Did you mean 'max_depth'"),
        ({"max_depth": "deep"}, r"option model.max_depth: expected int\|none, got 'deep'"),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        given(RandomForestClassifier, **values)


class Annotated:
    """No estimator of scikit-learn's: its annotations say what its parameters may be."""

    def __init__(self, depth: int | None = None, rate: float = 0.1, hook=print, unknown=None):
        self.depth, self.rate, self.hook, self.unknown = depth, rate, hook, unknown

    def get_params(self, deep=True):
        return vars(self)


def test_types_come_from_annotations_where_there_are_no_constraints():
    assert given(Annotated, depth="3", rate="1") == {"depth": 3, "rate": 1.0}
    assert {field.name for field in dataclasses.fields(options_of(Annotated))} == {"depth", "rate"}
