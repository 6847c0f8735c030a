"""Classifiers of scikit-learn by name."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any

from alframe import Classifier, ModelRequest, UsageError, estimator_network
from alframe_estimator.options import changed, options_of

MODULES = (
    *("ensemble", "linear_model", "neighbors", "naive_bayes", "neural_network", "svm", "tree"),
    *("gaussian_process", "discriminant_analysis", "calibration", "semi_supervised", "dummy"),
    *("multiclass", "multioutput"),
)
SUFFIX = "Classifier"
CALIBRATED = (
    "take sklearn:CalibratedClassifierCV, which calibrates a linear one, or sklearn:LogisticRegression"
)
INSTEAD = {
    "SVC": f"{CALIBRATED}; in Python CalibratedClassifierCV(SVC()) works",
    "NuSVC": f"{CALIBRATED}; in Python CalibratedClassifierCV(NuSVC()) works",
    "SGDClassifier": "-o model.loss=log_loss",
}


def options_at(location: str) -> type:
    """The options of the classifier at a location, as ``RandomForest``."""
    return options_of(classifier_named(location))


def build(request: ModelRequest) -> Classifier:
    """The classifier with its options, on the columns of the samples.

    Raises:
        UsageError: there is none of the name, or it gives no probabilities.
    """
    kind = classifier_named(request.location)
    estimator = kind(**changed(request.options))
    if not hasattr(estimator, "predict_proba"):
        raise _without_probabilities(request.location, kind)
    return estimator_network(estimator, request.input_shape.numel(), request.num_classes)


def classifier_named(name: str) -> Any:
    """The class of a name, with or without ``Classifier`` behind it.

    Raises:
        UsageError: no such classifier, or one that is made of others.
    """
    known = classifiers()
    found = known.get(name) or known.get(name + SUFFIX)
    if found is None:
        short = [one.removesuffix(SUFFIX) for one in known if not _is_made_of_others(known[one])]
        raise _unknown(name, short)
    if _is_made_of_others(found):
        raise UsageError(
            f"sklearn:{name} is made of other estimators, which have no name: make it in Python, as in "
            f"alframe.ActiveLearner(dataset, {found.__name__}(...))"
        )
    if not hasattr(found, "predict_proba"):
        raise _without_probabilities(name, found)
    return found


@functools.cache
def classifiers() -> dict[str, Any]:
    """Every public classifier, by the name of its class."""
    from sklearn.base import ClassifierMixin

    found: dict[str, Any] = {}
    for name in MODULES:
        module = importlib.import_module(f"sklearn.{name}")
        for one in getattr(module, "__all__", dir(module)):
            value = getattr(module, one, None)
            is_classifier = inspect.isclass(value) and issubclass(value, ClassifierMixin)
            if is_classifier and value is not ClassifierMixin and not inspect.isabstract(value):
                found[one] = value
    return found


def _is_made_of_others(kind: Any) -> bool:
    parameters = inspect.signature(kind).parameters.values()
    return any(one.default is one.empty for one in parameters)


def _without_probabilities(name: str, kind: Any) -> UsageError:
    return UsageError(f"sklearn:{name} gives no probabilities: {INSTEAD.get(kind.__name__, CALIBRATED)}")


def _unknown(name: str, known: list[str]) -> UsageError:
    import difflib

    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower().removesuffix(SUFFIX.lower()), by_lower, n=3, cutoff=0.5)
    advice = (
        f"Did you mean {' or '.join(f'sklearn:{by_lower[one]}' for one in close)}?"
        if close
        else f"Known: {', '.join(sorted(known))}."
    )
    return UsageError(f"unknown classifier of scikit-learn {name!r}. {advice}")
