"""Data sets and networks by name, and what a plugin makes of a request for one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe import seeds
from alframe.contract.needs import ESTIMATOR
from alframe.contract.options import build
from alframe.contract.resources import DataOptions, DataRequest, DatasetInfo, ModelInfo, ModelRequest
from alframe.contract.sections import NETWORK, TEXT_NETWORK
from alframe.data.dataset import Dataset
from alframe.data.text_bytes import as_bytes
from alframe.errors import UsageError
from alframe.learning.blame import blame_reading
from alframe.learning.estimator_heads import estimator_network, is_estimator, prototype_of
from alframe.learning.validation import check_dataset, check_network, require_network
from alframe.networks.classifier import Classifier
from alframe.registry.offers import DATASETS, MODELS, Offer
from alframe.registry.registry import Registry, installed


def load_dataset(
    name: str,
    *,
    data_dir: str | Path = "data",
    download: bool = False,
    test_fraction: float | None = None,
    seed: int = 0,
    registry: Registry | None = None,
    **options: Any,
) -> Dataset:
    """Loads a data set, all labels known.

    Args:
        name: as ``alframe list-datasets`` shows it, with what follows the colon.
        data_dir: folder that holds data sets.
        download: whether what is missing may be fetched.
        test_fraction: share held out for testing, where the data set has no test part of its own.
        seed: of that split; a trial with this seed splits the same way.
        registry: where plugins are looked up; the installed ones by default.
        options: the data set's other options, as ``imbalance=0.1``.

    Raises:
        UsageError: an unknown name or option, or missing or unusable data.
        PluginError: the plugin that offers the data set is broken.

    Example:
        >>> import alframe
        >>> digits = alframe.load_dataset("digits")
        >>> len(digits), digits.num_classes
        (1438, 10)
    """
    offer, location = (registry or installed()).offers.located(DATASETS, name)
    given = options if test_fraction is None else options | {"test_fraction": test_fraction}
    built = build(offer.value.options, given, "data")
    dataset = loaded(offer, DataRequest(location, Path(data_dir), download, built))
    return split(dataset, built, seed)


def split(dataset: Dataset, options: DataOptions, seed: int) -> Dataset:
    """Holds out a test part, where there is none, and makes a long tail, where that is asked for.

    Args:
        dataset: all samples, all labels known.
        options: the data set's options.
        seed: of both; a trial with this seed splits the same way.
    """
    if dataset.test_inputs is None:
        dataset = dataset.split_test(options.test_fraction, seeds.generator(seed, "split"))
    if options.imbalance is not None:
        dataset = dataset.long_tailed(options.imbalance, seeds.generator(seed, "imbalance"))
    return dataset


def loaded(offer: Offer[DatasetInfo], request: DataRequest) -> Dataset:
    """What a plugin loads when it is asked for one of its data sets.

    Raises:
        UsageError: the data are missing or unusable; `DamagedFileError` where a file is damaged.
        TrialError: a disk fails, or there is no memory.
        PluginError: the plugin fails in another way, or what it returns is no data set.
    """
    files = [request.location] if request.location else [str(request.data_dir)]
    with blame_reading(offer.plugin, f"data set {offer.name!r}", [*files, *_files_in(request.options)]):
        return check_dataset(offer.value.load(request))


def build_model(
    registry: Registry,
    name: str,
    dataset: Dataset,
    options: Mapping[str, Any],
    seed: int,
    *,
    download: bool = False,
) -> Classifier:
    """Builds a network by name, its initial weights drawn from the seed's stream.

    Args:
        registry: where the name is looked up.
        name: as ``alframe list-models`` shows it, with what follows the colon.
        dataset: gives the shape of a sample and the number of classes.
        options: the network's options.
        seed: of the initial weights.
        download: whether fetching what is missing is allowed.

    Raises:
        UsageError: an unknown name or option, or a network that does not suit the data.
        PluginError: the plugin that offers the network is broken.
    """
    offer, location = registry.offers.located(MODELS, name)
    built = build(offer.value.options_for(location), options, "model", name)
    return build_network(offer, location, built, dataset, seed, download=download)


def trainer_of(registry: Registry, model: Any, options: Mapping[str, Any] | None = None) -> str:
    """The plugin that a model wants to be trained by; "" where any trainer of networks will do.

    Args:
        registry: where a name is looked up.
        model: a name, a `Classifier`, or an estimator.
        options: of a network by name.

    Raises:
        UsageError: an unknown name, or options of what is no name.
        PluginError: the plugin that offers the network is broken.
    """
    if isinstance(model, str):
        return registry.offers.located(MODELS, model)[0].value.trainer
    if options:
        kind = type(model).__name__
        raise UsageError(f"model_options are for a network by name, and model is a {kind} already")
    return ESTIMATOR if is_estimator(model) or prototype_of(model) is not None else ""


def network_for(model: Any, dataset: Dataset, seed: int, device: torch.device) -> Classifier:
    """A model of the user's own, as a network.

    Args:
        model: a `Classifier`, or an estimator.
        dataset: gives a sample and the number of classes.
        seed: of the initial weights, which lazy layers draw only now.
        device: where it runs.

    Raises:
        UsageError: it is neither, or does not suit the data.
    """
    example = dataset.example()
    if is_estimator(model):
        return estimator_network(model, example[0].numel(), dataset.num_classes)
    if isinstance(model, type):
        raise UsageError(f"model is the class {model.__name__}: give an object of it, {model.__name__}(...)")
    if not isinstance(model, Classifier):
        raise UsageError(
            "model must be a network's name, an alframe.Classifier(body, head) or an estimator with fit and "
            f"predict_proba, got {type(model).__name__}"
        )
    with seeds.global_stream(seed, "initial weights"):
        require_network(model.to(device), example.to(device), dataset.num_classes)
    return model


def build_network(
    offer: Offer[ModelInfo],
    location: str,
    options: Any,
    dataset: Dataset,
    seed: int,
    *,
    download: bool = False,
) -> Classifier:
    """What a plugin builds when it is asked for one of its networks.

    Args:
        offer: the plugin's offer.
        location: what follows the colon in ``timm:NAME``, else "".
        options: the network's options object.
        dataset: gives the shape of a sample and the number of classes.
        seed: of the initial weights.
        download: whether fetching what is missing is allowed.

    Raises:
        UsageError: the network does not suit the data.
        PluginError: the plugin fails in another way, or what it returns is no network.
    """
    example = dataset.example()
    _require_kind(offer, dataset, example)
    request = ModelRequest(
        input_shape=example.shape[1:],
        num_classes=dataset.num_classes,
        options=options,
        download=download,
        location=location,
    )
    files = [*([location] if location else []), *_files_in(options)]
    with (
        seeds.global_stream(seed, "initial weights"),
        blame_reading(offer.plugin, f"model {offer.name!r}", files),
    ):
        return check_network(offer.value.build(request))


def _require_kind(offer: Offer[ModelInfo], dataset: Dataset, example: Tensor) -> None:
    """Holds what a network takes against what the samples are: texts stay bytes."""
    data, is_text = dataset.name, dataset.transform is as_bytes
    if is_text == (offer.value.takes == "texts"):
        return
    if is_text:
        raise UsageError(
            f"model {offer.name!r} takes numbers, and the samples of data set {data!r} are texts: take "
            f"{TEXT_NETWORK}, or another network of texts, see list-models"
        )
    raise UsageError(
        f"model {offer.name!r} takes texts, and the samples of data set {data!r} are numbers of shape "
        f"{tuple(example.shape[1:])}: take {NETWORK}, or another network of numbers, see list-models"
    )


def _files_in(options: Any) -> list[str]:
    """The options that name a file, as ``weights=FILE``."""
    values = [value for value in vars(options).values() if isinstance(value, str)] if options else []
    return [value for value in values if value and len(value) < 4096 and Path(value).is_file()]
