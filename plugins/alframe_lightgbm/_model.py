"""The classifier of lightgbm."""

from __future__ import annotations

import importlib
from typing import Any

from alframe import Classifier, ModelRequest, UsageError, estimator_network
from alframe_estimator.options import changed, options_of, require_usable


def options_at(location: str) -> type:
    """The options of the classifier."""
    return options_of(_kind())


def build(request: ModelRequest) -> Classifier:
    """The classifier with its options, on the columns of the samples.

    Raises:
        UsageError: lightgbm is not installed, or can't use an option.
    """
    # without verbose=-1 it prints what it does in each round
    estimator = _kind()(**{"verbose": -1, **changed(request.options)})
    require_usable(estimator)
    return estimator_network(estimator, request.input_shape.numel(), request.num_classes)


def _kind() -> Any:
    try:
        library: Any = importlib.import_module("lightgbm")
    except ImportError as error:
        raise UsageError('lightgbm is not installed: pip install "alframe[lightgbm]"') from error
    return library.LGBMClassifier
