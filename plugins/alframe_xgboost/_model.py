"""The classifier of xgboost."""

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
        UsageError: xgboost is not installed, or can't use an option.
    """
    estimator = _kind()(**changed(request.options))
    require_usable(estimator)
    return estimator_network(estimator, request.input_shape.numel(), request.num_classes)


def _kind() -> Any:
    try:
        library: Any = importlib.import_module("xgboost")
    except ImportError as error:
        raise UsageError('xgboost is not installed: pip install "alframe[xgboost]"') from error
    return library.XGBClassifier
