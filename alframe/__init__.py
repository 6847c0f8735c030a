"""alframe: deep active learning. A small engine; every strategy is a plugin.

Importing this package does not import torch; the names that need it are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from alframe.contract.executors import ExecutorInfo, Job, Jobs, work_command
from alframe.contract.info import API_VERSION, PluginInfo
from alframe.contract.labelling import (
    FormatInfo,
    Imported,
    LabelledSession,
    Prediction,
    Source,
    SourceContent,
    SourceInfo,
    SourceItem,
    SourceRequest,
)
from alframe.contract.options import CheckedOptions, option
from alframe.contract.recipe import Recipe
from alframe.contract.resources import (
    DataOptions,
    DataRequest,
    DatasetInfo,
    ImageDataOptions,
    ImageModelOptions,
    ModelInfo,
    ModelRequest,
    PresetInfo,
    TableOptions,
)
from alframe.contract.trial import Round, RunSummary, TrialRun
from alframe.errors import (
    AlframeError,
    AlframeWarning,
    DamagedFileError,
    PluginError,
    TrialError,
    UsageError,
    one_line,
)
from alframe.hookspecs import hookimpl

if TYPE_CHECKING:
    from alframe.contract.context import Context
    from alframe.contract.images import image_classifier, image_shape, pretrained_file
    from alframe.contract.layers import freeze_all_but_last
    from alframe.contract.recipe import TrainResult
    from alframe.contract.training import Training
    from alframe.contract.views import LabelledView, PoolView
    from alframe.data.dataset import Dataset, Normalize
    from alframe.data.images import ImageReader, decode_images
    from alframe.data.one_class import why_no_classes
    from alframe.data.sentences import sentence_features
    from alframe.data.tables import dataset_from_frame
    from alframe.data.text_bytes import texts_of
    from alframe.data.text_tables import dataset_from_texts
    from alframe.defaults.training import train_supervised
    from alframe.experiments.comparing import compare
    from alframe.experiments.run import RunResult, run
    from alframe.experiments.trials import Listener
    from alframe.experiments.working import work
    from alframe.labelling.formats.dataset import dataset_from_session
    from alframe.learning.estimator_heads import estimator_network
    from alframe.learning.learner import ActiveLearner
    from alframe.learning.loading import load_dataset
    from alframe.learning.metrics import Evaluation
    from alframe.learning.querying import QueryResult, query
    from alframe.networks.classifier import Classifier
    from alframe.networks.optimizers import without_compiler
    from alframe.networks.weights import load_weights, read_weights
    from alframe.ops.geometry import Embeddings, Euclidean, Geometry, OuterProduct, SymmetricKL, Vectors
    from alframe.records.rounds import read_rounds

_LAZY = {
    "ActiveLearner": "alframe.learning.learner",
    "Classifier": "alframe.networks.classifier",
    "Context": "alframe.contract.context",
    "Dataset": "alframe.data.dataset",
    "Embeddings": "alframe.ops.geometry",
    "Euclidean": "alframe.ops.geometry",
    "Evaluation": "alframe.learning.metrics",
    "Geometry": "alframe.ops.geometry",
    "ImageReader": "alframe.data.images",
    "LabelledView": "alframe.contract.views",
    "Listener": "alframe.experiments.trials",
    "Normalize": "alframe.data.dataset",
    "OuterProduct": "alframe.ops.geometry",
    "PoolView": "alframe.contract.views",
    "QueryResult": "alframe.learning.querying",
    "RunResult": "alframe.experiments.run",
    "SymmetricKL": "alframe.ops.geometry",
    "TrainResult": "alframe.contract.recipe",
    "Training": "alframe.contract.training",
    "Vectors": "alframe.ops.geometry",
    "compare": "alframe.experiments.comparing",
    "dataset_from_frame": "alframe.data.tables",
    "dataset_from_session": "alframe.labelling.formats.dataset",
    "dataset_from_texts": "alframe.data.text_tables",
    "decode_images": "alframe.data.images",
    "estimator_network": "alframe.learning.estimator_heads",
    "freeze_all_but_last": "alframe.contract.layers",
    "image_classifier": "alframe.contract.images",
    "image_shape": "alframe.contract.images",
    "load_dataset": "alframe.learning.loading",
    "load_weights": "alframe.networks.weights",
    "pretrained_file": "alframe.contract.images",
    "query": "alframe.learning.querying",
    "read_rounds": "alframe.records.rounds",
    "read_weights": "alframe.networks.weights",
    "run": "alframe.experiments.run",
    "sentence_features": "alframe.data.sentences",
    "texts_of": "alframe.data.text_bytes",
    "train_supervised": "alframe.defaults.training",
    "why_no_classes": "alframe.data.one_class",
    "without_compiler": "alframe.networks.optimizers",
    "work": "alframe.experiments.working",
}

__all__ = [
    "API_VERSION",
    "ActiveLearner",
    "AlframeError",
    "AlframeWarning",
    "CheckedOptions",
    "Classifier",
    "Context",
    "DamagedFileError",
    "DataOptions",
    "DataRequest",
    "Dataset",
    "DatasetInfo",
    "Embeddings",
    "Euclidean",
    "Evaluation",
    "ExecutorInfo",
    "FormatInfo",
    "Geometry",
    "ImageDataOptions",
    "ImageModelOptions",
    "ImageReader",
    "Imported",
    "Job",
    "Jobs",
    "LabelledSession",
    "LabelledView",
    "Listener",
    "ModelInfo",
    "ModelRequest",
    "Normalize",
    "OuterProduct",
    "PluginError",
    "PluginInfo",
    "PoolView",
    "Prediction",
    "PresetInfo",
    "QueryResult",
    "Recipe",
    "Round",
    "RunResult",
    "RunSummary",
    "Source",
    "SourceContent",
    "SourceInfo",
    "SourceItem",
    "SourceRequest",
    "SymmetricKL",
    "TableOptions",
    "TrainResult",
    "Training",
    "TrialError",
    "TrialRun",
    "UsageError",
    "Vectors",
    "compare",
    "dataset_from_frame",
    "dataset_from_session",
    "dataset_from_texts",
    "decode_images",
    "estimator_network",
    "freeze_all_but_last",
    "hookimpl",
    "image_classifier",
    "image_shape",
    "load_dataset",
    "load_weights",
    "one_line",
    "option",
    "pretrained_file",
    "query",
    "read_rounds",
    "read_weights",
    "run",
    "sentence_features",
    "texts_of",
    "train_supervised",
    "why_no_classes",
    "without_compiler",
    "work",
    "work_command",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
