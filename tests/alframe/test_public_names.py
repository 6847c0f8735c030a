import pytest

import alframe
from alframe import testing

NAMES = [
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


def test_the_public_names_are_these():
    """Removing one breaks other people's plugins: change this list in the same commit."""
    assert sorted(alframe.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(alframe))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name):
    assert getattr(alframe, name) is not None


def test_the_kits_public_names_are_these():
    names = ["CHECKS", "Check", "CheckFailedError", "CheckSkippedError", "Outcome"]
    assert testing.__all__ == [*names, "checks_of", "outcome_of", "parametrize_with_checks"]


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alframe.nothing
