"""alframe: deep active learning. A small engine; every strategy is a plugin.

Importing this package does not import torch; the names that need it are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from alframe.errors import AlframeError, PluginError, TrialError, UsageError
from alframe.hookspecs import hookimpl
from alframe.info import (
    API_VERSION,
    DataOptions,
    DataRequest,
    DatasetInfo,
    ImageModelOptions,
    ModelInfo,
    ModelRequest,
    PluginInfo,
    PresetInfo,
)
from alframe.options import option
from alframe.recipe import Recipe

if TYPE_CHECKING:
    from alframe.context import Context
    from alframe.data.dataset import Dataset, Normalize
    from alframe.data.images import decode_images
    from alframe.data.tables import dataset_from_frame
    from alframe.learner import ActiveLearner
    from alframe.loading import load_dataset
    from alframe.metrics import Evaluation
    from alframe.networks.classifier import Classifier
    from alframe.networks.weights import load_weights, read_weights
    from alframe.ops.geometry import Embeddings, Euclidean, Geometry, OuterProduct, SymmetricKL, Vectors
    from alframe.querying import QueryResult, query
    from alframe.training import TrainResult, train_supervised
    from alframe.views import LabelledView, PoolView

_LAZY = {
    "ActiveLearner": "alframe.learner",
    "Classifier": "alframe.networks.classifier",
    "Context": "alframe.context",
    "Dataset": "alframe.data.dataset",
    "Embeddings": "alframe.ops.geometry",
    "Euclidean": "alframe.ops.geometry",
    "Evaluation": "alframe.metrics",
    "Geometry": "alframe.ops.geometry",
    "LabelledView": "alframe.views",
    "Normalize": "alframe.data.dataset",
    "OuterProduct": "alframe.ops.geometry",
    "PoolView": "alframe.views",
    "QueryResult": "alframe.querying",
    "SymmetricKL": "alframe.ops.geometry",
    "TrainResult": "alframe.training",
    "Vectors": "alframe.ops.geometry",
    "dataset_from_frame": "alframe.data.tables",
    "decode_images": "alframe.data.images",
    "load_dataset": "alframe.loading",
    "load_weights": "alframe.networks.weights",
    "query": "alframe.querying",
    "read_weights": "alframe.networks.weights",
    "train_supervised": "alframe.training",
}

__all__ = [
    "API_VERSION",
    "ActiveLearner",
    "AlframeError",
    "Classifier",
    "Context",
    "DataOptions",
    "DataRequest",
    "Dataset",
    "DatasetInfo",
    "Embeddings",
    "Euclidean",
    "Evaluation",
    "Geometry",
    "ImageModelOptions",
    "LabelledView",
    "ModelInfo",
    "ModelRequest",
    "Normalize",
    "OuterProduct",
    "PluginError",
    "PluginInfo",
    "PoolView",
    "PresetInfo",
    "QueryResult",
    "Recipe",
    "SymmetricKL",
    "TrainResult",
    "TrialError",
    "UsageError",
    "Vectors",
    "dataset_from_frame",
    "decode_images",
    "hookimpl",
    "load_dataset",
    "load_weights",
    "option",
    "query",
    "read_weights",
    "train_supervised",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
