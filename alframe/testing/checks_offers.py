"""Checks of data sets, networks and presets that a plugin offers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from alframe.contract.resources import DataOptions, DataRequest, ModelInfo, ModelRequest
from alframe.data.dataset import Dataset
from alframe.errors import UsageError
from alframe.experiments.randomness import random_state
from alframe.experiments.settings import resolve
from alframe.networks.classifier import Classifier
from alframe.registry.offers import DATASETS, MODELS, PRESETS
from alframe.testing.checks_listing import offers
from alframe.testing.kit import DESCRIBED, CheckFailedError, CheckSkippedError, check, once
from alframe.testing.subject import Subject

SHAPES = ((3, 32, 32), (1, 28, 28), (12,))  # of a sample; a network is looked at with the first it takes
TEXTS = torch.tensor([list(b"a fine film"), list(b"dull\0\0\0\0\0\0\0")], dtype=torch.uint8)
CLASSES = 5
LARGEST_BUILT = 5_000_000  # weights; larger networks are looked at without numbers
NOWHERE = "nowhere"


@check("datasets", after=DESCRIBED)
def data_options_are_complete(subject: Subject) -> None:
    """The options of data sets inherit from `alframe.DataOptions`, which the engine reads."""
    for name, info in offers(subject, DATASETS).items():
        if not issubclass(info.options, DataOptions):
            raise CheckFailedError(
                f"data set {name!r}: {info.options.__name__} must inherit from DataOptions"
            )


@check("datasets", after=(*DESCRIBED, "data_options_are_complete"))
def data_load_or_say_why(subject: Subject) -> str:
    """From an empty folder, without --download, a data set loads or raises UsageError, and writes nothing."""
    loaded = []
    for name, info in offers(subject, DATASETS).items():
        with tempfile.TemporaryDirectory(prefix="alframe-check-") as folder:
            dataset = _load(name, info, Path(folder))
            if written := list(Path(folder).iterdir()):
                raise CheckFailedError(f"data set {name!r} wrote {written[0].name} without --download")
        if dataset is not None:
            loaded.append(name)
    return f"loaded: {', '.join(loaded)}" if loaded else "none is here: each says what is missing"


@check("datasets", after=("data_load_or_say_why",))
def data_are_the_same_twice(subject: Subject) -> str:
    """A data set that is loaded twice is the same, whatever the global random state."""
    compared = []
    with tempfile.TemporaryDirectory(prefix="alframe-check-") as folder:
        for name, info in offers(subject, DATASETS).items():
            with random_state(1):
                first = _load(name, info, Path(folder))
            if first is None:
                continue
            with random_state(2):
                second = _load(name, info, Path(folder))
            assert second is not None
            if not all(map(torch.equal, _tensors(first), _tensors(second))):
                raise CheckFailedError(f"data set {name!r} is another when it is loaded again")
            compared.append(name)
    if not compared:
        raise CheckSkippedError("none of its data sets is here")
    return f"compared: {', '.join(compared)}"


@check("models", after=DESCRIBED)
def networks_fit_the_data(subject: Subject) -> str:
    """A network is a Classifier for the samples and classes it is asked for, or raises UsageError."""
    for name, (shape, model) in _networks(subject).items():
        of_texts = offers(subject, MODELS)[name].takes == "texts"
        what = f"model {name!r} for " + ("texts" if of_texts else f"samples of {shape}")
        _check_shapes(what, model, shape, of_texts=of_texts)
    return f"networks: {len(_networks(subject))}"


@check("models", after=("networks_fit_the_data",))
def initial_weights_follow_the_seed(subject: Subject) -> str:
    """Initial weights derive from torch's random state, which the engine seeds, and from nothing else."""
    compared = []
    for name, (shape, model) in _networks(subject).items():
        if sum(parameter.numel() for parameter in model.parameters()) > LARGEST_BUILT:
            continue
        info = offers(subject, MODELS)[name]
        states = []
        for seed in (1, 2):
            with random_state(seed):
                torch.default_generator.manual_seed(0)
                states.append(info.build(_request(info, shape)).state_dict())
        if any(not torch.equal(value, states[1][key]) for key, value in states[0].items()):
            raise CheckFailedError(f"model {name!r} has other weights when it is built again")
        compared.append(name)
    if not compared:
        raise CheckSkippedError(f"all its networks have more than {LARGEST_BUILT:,} weights")
    return f"compared: {', '.join(compared)}"


@check("presets", after=DESCRIBED)
def presets_resolve(subject: Subject) -> None:
    """Every name, section and key of a preset is known, and every value is of its type."""
    for name, info in offers(subject, PRESETS).items():
        try:
            resolve(subject.registry, info.settings)
        except UsageError as error:
            raise CheckFailedError(f"preset {name!r}: {error}") from error


def _load(name: str, info: Any, folder: Path) -> Dataset | None:
    """The data set, or None where it says that it is not here."""
    location = str(folder / NOWHERE) if info.location else ""
    try:
        dataset = info.load(DataRequest(location, folder, download=False, options=info.options()))
    except UsageError:
        return None
    except Exception as error:
        raise CheckFailedError(
            f"data set {name!r}, which is not here, raised {type(error).__name__}: {error}; wanted UsageError"
        ) from error
    if not isinstance(dataset, Dataset):
        raise CheckFailedError(f"data set {name!r}: wanted an alframe.Dataset, got {type(dataset).__name__}")
    return dataset


def _tensors(dataset: Dataset) -> Iterator[torch.Tensor]:
    parts = (dataset.inputs, dataset.targets, dataset.test_inputs, dataset.test_targets)
    return (part.nan_to_num() for part in parts if part is not None)


@once
def _networks(subject: Subject) -> dict[str, tuple[tuple[int, ...], Classifier]]:
    """Each network with a shape that it takes, built without numbers: in no memory and little time."""
    found = {}
    for name, info in offers(subject, MODELS).items():
        if not info.location:  # what would follow the colon is not known
            found[name] = _built(name, info)
    if not found:
        raise CheckSkippedError("each of its networks needs something after the colon")
    return found


def _built(name: str, info: ModelInfo) -> tuple[tuple[int, ...], Classifier]:
    shapes = (tuple(TEXTS.shape[1:]),) if info.takes == "texts" else SHAPES
    for shape in shapes:
        try:
            model = _without_numbers(info, _request(info, shape))
        except UsageError:
            continue
        except Exception as error:
            raise CheckFailedError(
                f"model {name!r} for samples of {shape} raised {type(error).__name__}: {error}; wanted a "
                "Classifier, or UsageError for what does not suit it"
            ) from error
        if not isinstance(model, Classifier):
            raise CheckFailedError(
                f"model {name!r}: wanted an alframe.Classifier, got {type(model).__name__}"
            )
        return shape, model.eval()
    raise CheckFailedError(f"model {name!r} refuses samples of each of the shapes {shapes}")


def _without_numbers(info: ModelInfo, request: ModelRequest) -> Any:
    """The network on the meta device; where building it reads a number it is built for real first.

    Texts are read as they are, so a network that takes them is built for real.
    """
    if info.takes == "texts":
        return info.build(request)
    try:
        with torch.device("meta"):
            return info.build(request)
    except UsageError:
        raise
    except Exception:
        model = info.build(request)
        return model.to("meta") if isinstance(model, Classifier) else model


def _request(info: ModelInfo, shape: tuple[int, ...]) -> ModelRequest:
    return ModelRequest(torch.Size(shape), CLASSES, info.options())


def _check_shapes(what: str, model: Classifier, shape: tuple[int, ...], *, of_texts: bool) -> None:
    with torch.no_grad(), torch.device("cpu" if of_texts else "meta"):
        x = TEXTS if of_texts else torch.zeros(2, *shape)
        features, logits = model.features(x), model(x)
    if features.ndim != 2 or len(features) != 2:
        raise CheckFailedError(f"{what}: wanted features of shape [2, D], got {list(features.shape)}")
    if list(logits.shape) != [2, CLASSES]:
        raise CheckFailedError(f"{what}: wanted logits of shape [2, {CLASSES}], got {list(logits.shape)}")
