"""Frozen features of a data set, written to a folder part by part."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.contract.options import build
from alframe.contract.resources import DataRequest, DatasetInfo, ModelInfo
from alframe.contract.sections import DataSource
from alframe.data.dataset import Dataset
from alframe.data.decoding import images_stay_in_files
from alframe.data.identity import transform_of
from alframe.data.image_files import ImageFiles
from alframe.data.samples import Samples
from alframe.errors import TrialError, UsageError, unknown_name
from alframe.learning.frozen import features_by_blocks
from alframe.learning.loading import build_network, loaded
from alframe.networks.classifier import Classifier
from alframe.networks.devices import on_device, resolve_device
from alframe.ops.blocks import rows_per_pass
from alframe.ops.digest import digest_of
from alframe.records.feature_parts import FeatureFolder, Plan
from alframe.registry.offers import DATASETS, MODELS, Offer
from alframe.registry.process import kept_settings
from alframe.registry.registry import Registry

SPLITS = ("train", "test")
DTYPES = ("float16", "float32")
OF_WEIGHTS = ("weights", "pretrained")  # options that only say where weights come from

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked for, every name looked up.

    Attributes:
        dataset: the plugin's offer of the data set.
        request: what it is asked for.
        model: the plugin's offer of the network.
        location: what follows the colon of its name.
        options: the network's.
        names: the data set and the network as the user names them.
        split: "train", which without a test part is all samples, or "test".
        dtype: of the files.
        part_rows: rows of a file.
        batch_size: samples that pass the network at once; None: as many as in a run.
        workers: processes that decode images; 0: threads.
        device: where the network runs.
        seed: of weights that are drawn.
        labels: whether labels are written, too.
    """

    dataset: Offer[DatasetInfo]
    request: DataRequest
    model: Offer[ModelInfo]
    location: str
    options: Any
    names: tuple[str, str]
    split: str = "train"
    dtype: str = "float16"
    part_rows: int = 65_536
    batch_size: int | None = None
    workers: int = 0
    device: str = "auto"
    seed: int = 0
    labels: bool = False


@dataclasses.dataclass(frozen=True)
class Embedded:
    """What came of it.

    Attributes:
        folder: where the features are.
        rows: how many there are.
        columns: how many numbers each has.
        parts: in how many files.
        made: how many of these were made now.
        notes: what the reader of the data remarked.
    """

    folder: Path
    rows: int
    columns: int
    parts: int
    made: int
    notes: tuple[str, ...]


def job_of(
    registry: Registry, dataset: str, model: str, sections: Mapping[str, Mapping[str, Any]], **others: Any
) -> Job:
    """Looks up names and options.

    Args:
        registry: the plugins.
        dataset: the data set's name.
        model: the network's.
        sections: options, of the sections ``data`` and ``model``.
        others: further fields of the job.

    Raises:
        UsageError: an unknown name, option or section.
        PluginError: a plugin that was asked for is broken.
    """
    given = {name: dict(section) for name, section in sections.items()}
    data, of_model = given.pop("data", {}), given.pop("model", {})
    for name in given:
        raise unknown_name("section", name, ("data", "model"))
    of_source = {key: data.pop(key) for key in ("dir", "download") if key in data}
    source = build(DataSource, of_source | {"name": dataset}, "data")
    offer, place = registry.offers.located(DATASETS, dataset)
    options = build(offer.value.options, data, "data")
    network, location = registry.offers.located(MODELS, registry.offers.network_for(model, dataset))
    return Job(
        offer,
        DataRequest(place, Path(source.dir), source.download, options),
        network,
        location,
        build(network.value.options_for(location), of_model, "model"),
        (dataset, model),
        **others,
    )


def embed(job: Job, out: Path, progress: Progress, *, force: bool = False) -> Embedded:
    """Writes features of a data set by a network as it is before any training, and goes on where that ended.

    In float32 they are those that a run with a trainer of heads alone computes, to the last bit where parts
    are whole batches of the same size on the same device.

    Args:
        job: what is asked for.
        out: the folder.
        progress: told ``(stage, done, total)``.
        force: whether other features in the folder give way.

    Raises:
        UsageError: a data set or a network that can't be used, or a folder of something else.
        TrialError: a disk is full, or another process is at it.
        PluginError: a plugin that was asked for is broken.
    """
    if job.split not in SPLITS:
        raise unknown_name("split", job.split, SPLITS)
    device, folder = resolve_device(job.device), FeatureFolder(out)

    def looked(done: int, total: int) -> None:
        progress("look", done, total)

    with folder.held(), images_stay_in_files(job.workers, out, looked), kept_settings():
        loaded_ = loaded(job.dataset, job.request).prepared()
        inputs, targets = _part(loaded_, job.split)
        network = build_network(
            job.model, job.location, job.options, loaded_, job.seed, download=job.request.download
        )
        plan = Plan(_made_of(job, loaded_, inputs, network), len(inputs), job.part_rows, job.dtype)
        missing = folder.begin(plan, force=force)
        names = _names(inputs, job)
        if names is not None:
            folder.write_names(names)
        if job.labels:
            folder.write_targets(targets.cpu().numpy())
        samples = Samples(inputs, device, loaded_.transform)
        todo = [plan.parts[number] for number in missing]
        model = on_device(network, device).eval()
        for number, features in zip(missing, _features(model, samples, todo, job, progress), strict=True):
            folder.write(number, features)
        return Embedded(out, len(inputs), folder.columns, len(plan.parts), len(missing), loaded_.notes)


def _part(dataset: Dataset, split: str) -> tuple[Tensor, Tensor]:
    if split == "train":
        return dataset.inputs, dataset.targets
    if dataset.test_inputs is None or dataset.test_targets is None:
        raise UsageError(
            f"data set {dataset.name!r} has no test part of its own: --split train is all of its samples"
        )
    return dataset.test_inputs, dataset.test_targets


def _made_of(job: Job, dataset: Dataset, inputs: Tensor, network: Classifier) -> dict[str, str]:
    """What tells these features from others: content, not places."""
    content = inputs.fingerprint if isinstance(inputs, ImageFiles) else digest_of([inputs])
    options = {k: v for k, v in dataclasses.asdict(job.options).items() if k not in OF_WEIGHTS}
    return {
        "data": content,
        "preparation": transform_of(dataset),
        "network": job.names[1],
        "options of the network": json.dumps(options, sort_keys=True, default=str),
        "weights": digest_of(network.body.state_dict().values()),
    }


def _names(inputs: Tensor, job: Job) -> Iterator[str] | None:
    """The files' paths, from the data set's folder; None where rows have no names."""
    if not isinstance(inputs, ImageFiles):
        return None
    root = f"{Path(job.request.location) if job.request.location else job.request.data_dir}{os.sep}"
    sources = inputs.listing.sources
    return (sources[row].removeprefix(root).replace(os.sep, "/") for row in inputs.rows.tolist())


def _features(
    model: Classifier, samples: Samples, parts: Sequence[range], job: Job, progress: Progress
) -> Iterator[np.ndarray[Any, Any]]:
    """The features of each part, in the type of the files."""
    most = job.batch_size or rows_per_pass(samples.stored[:1].numel(), samples.device)
    batches = [torch.arange(rows.start, rows.stop).split(most) for rows in parts]
    before, total = len(samples) - sum(map(len, parts)), len(samples)

    def told(done: int, of: int) -> None:
        progress("embed", before + done, total)

    every = features_by_blocks(model, samples, [rows for part in batches for rows in part], told)
    for rows, part in zip(parts, batches, strict=True):
        made: np.ndarray[Any, Any] | None = None
        for block in part:
            found = _next(every)
            if made is None:
                made = np.empty((len(rows), found.shape[1]), job.dtype)
            start = int(block[0])
            made[start - rows.start : start - rows.start + len(block)] = _as_stored(found, start, job)
        assert made is not None
        yield made


def _next(every: Iterator[Tensor]) -> Tensor:
    try:
        found = next(every)
    except torch.OutOfMemoryError as error:
        raise TrialError(
            "the device has not enough memory for a batch: a smaller --batch-size needs less"
        ) from error
    if found.ndim != 2:
        raise UsageError(f"features must be a row a sample, and the network gives shape {list(found.shape)}")
    return found


def _as_stored(features: Tensor, start: int, job: Job) -> np.ndarray[Any, Any]:
    found = features.float().cpu().numpy()
    with np.errstate(over="ignore"):
        stored = found.astype(job.dtype)
    if np.isfinite(stored).all():
        return stored
    row = int(np.argwhere(~np.isfinite(stored).all(axis=1))[0, 0])
    if np.isfinite(found[row]).all():
        most = float(np.abs(found[row]).max())
        raise UsageError(
            f"features of row {start + row} reach {most:.3g}, and float16 holds 65504 at the most: "
            "--dtype float32 holds them"
        )
    raise UsageError(f"features of row {start + row} are NaN or infinite: is it the right network, and file?")
