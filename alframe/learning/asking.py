"""What a caller of `alframe.query` has, made the two sides that a strategy sees: the pool, the labelled."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe.data.holes import Holes
from alframe.data.shards import Shards, open_shards
from alframe.errors import UsageError
from alframe.learning.classes import Classes, are_numbers, class_labels, class_names
from alframe.learning.estimators import Committee, Estimator, estimator_of
from alframe.learning.given import ALONE, Asked, GivenRows, Lacking, Points, Trees, Whole, features_of
from alframe.learning.heads import WANTED, as_head, classes_of, of_weights
from alframe.learning.inputs import count_of, matrix, whole_number
from alframe.learning.labelled_rows import LabelledRows
from alframe.learning.rows import FeatureRows
from alframe.learning.stored import StoredRows
from alframe.learning.tables import Table
from alframe.ops.crew import Crew, before_taking_over
from alframe.ops.machine import machine_memory

NOTHING = (
    "there is nothing to choose from: pass features=, and for most strategies head=; or probs=, N x C "
    "probabilities of classes"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """Where numbers are wanted, and what they may take.

    Attributes:
        device: where.
        memory: bytes that may be held of a pool in files; None means half of this machine's.
        workers: processes that read such a pool, or a crew.
    """

    device: torch.device
    memory: float | None
    workers: int | Crew


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """What a caller says of the labelled samples.

    Attributes:
        features: of them alone, or None.
        targets: their labels, or None.
        rows: instead of features which rows of the pool they are, or None.
        classes: the labels in the order of classes, or None.
        num_classes: how many classes there are, or None.
    """

    features: Any
    targets: Any
    rows: Any
    classes: Any
    num_classes: Any


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """What a strategy sees.

    Attributes:
        pool: rows of the unlabelled pool.
        labelled: rows of the labelled set.
        targets: its class numbers, on the device.
        num_classes: number of classes.
        classes: labels in the order of classes; None where class numbers were used.
        head: the head as a module, or None.
        known: which rows are labelled, where they are rows of the pool.
        stored: the pool's features where they are read from files.
    """

    pool: FeatureRows
    labelled: FeatureRows
    targets: Tensor
    num_classes: int
    classes: Classes | None
    head: nn.Module | None
    known: LabelledRows | None
    stored: StoredRows | None


class _Labels:
    """Labels become class numbers, and what the classes are called is found out on the way."""

    def __init__(self, classes: Any, names: Classes | None, of: str) -> None:
        self.names = class_names(classes)
        self._of = "classes"
        if self.names is None:
            self.names, self._of = names, of
        elif names is not None and not are_numbers(names) and self.names != names:
            raise UsageError(
                f"classes= are {_some(self.names)}, and {of} has {_some(names)} in this order: leave "
                "classes= out"
            )

    def numbers(self, labels: Any) -> Tensor:
        targets, self.names = class_labels(labels, "labelled_targets", self.names, self._of)
        return targets


def sides_of(
    features: Any,
    head: Any,
    probs: Any,
    logits: Any,
    labelled: Labelled,
    seed: int,
    place: Place,
) -> Sides:
    """The two sides of a query.

    Args:
        features: as `alframe.query` has it, and so on.
        head: also.
        probs: also.
        logits: also.
        labelled: what is said of the labelled samples.
        seed: seed of dropout masks.
        place: where numbers are wanted.

    Raises:
        UsageError: what was given is not what it should be, or does not fit together.
    """
    given = {"head": head, "probs": probs, "logits": logits}
    several = [name for name, value in given.items() if value is not None]
    if len(several) > 1:
        raise UsageError(f"{several[0]} and {several[1]} both say what is predicted: leave one out")
    if labelled.rows is not None and labelled.features is not None:
        raise UsageError("labelled_features and labelled_rows both give the labelled set: leave one out")
    if probs is not None or logits is not None:
        return _of_table(features, probs, logits, labelled, seed, place)
    if features is None:
        raise UsageError(NOTHING if head is None else "head needs features= to be asked about")
    estimator = None if isinstance(head, nn.Module | None) else estimator_of(head)
    if estimator is not None:
        return _of_estimator(features, estimator, labelled, seed, place)
    if not isinstance(head, nn.Module | tuple | list | None):
        raise UsageError(f"{WANTED}; got {type(head).__name__}")
    return _of_features(features, head, labelled, seed, place)


def _of_features(features: Any, head: Any, labelled: Labelled, seed: int, place: Place) -> Sides:
    """Features, and perhaps a head of them."""
    pool, most = _pool(features, place)
    if not len(pool):
        raise UsageError("features has no rows: the pool is empty")
    labels = _Labels(labelled.classes, None, "head")
    known = _known(labelled, len(pool), labels)
    size, stored, rest, most_labelled = len(pool), pool, pool[:0], 0.0
    if _are_there(labelled.features):
        rest, most_labelled = matrix(labelled.features, "labelled_features", place.device)
    elif known is not None:
        stored, rest = known.split(pool)
        size = len(stored)
    most = max(most, most_labelled)
    module = as_head(head, stored, most)
    targets = labels.numbers(labelled.targets) if known is None else known.targets
    columns = 0 if module is None else classes_of(module, stored[:1])
    classes = _number_of_classes(labelled.num_classes, columns, targets, labels.names)
    if rest.shape[1] != stored.shape[1]:
        raise UsageError(f"features have {stored.shape[1]} columns, labelled_features {rest.shape[1]}")
    _require_fitting(len(rest), targets, classes)
    return Sides(
        FeatureRows(stored, module, seed, most),
        FeatureRows(rest, module, seed, most, first=size),
        targets.to(place.device),
        classes,
        labels.names,
        module,
        known,
        stored if isinstance(stored, StoredRows) else None,
    )


def _of_estimator(
    features: Any, estimator: Estimator | Committee, labelled: Labelled, seed: int, place: Place
) -> Sides:
    """Samples of whatever kind, and an estimator that takes them."""
    samples = _samples(features, place)
    size = _require_samples(samples, "features")
    if not size:
        raise UsageError("features has no rows: the pool is empty")
    weights = estimator.weights()
    head = _lacking(estimator) if weights is None else of_weights(*weights, place.device)
    pool = _asked(estimator, samples, size, "features", place.device)
    names = estimator.classes
    labels = _Labels(labelled.classes, names, estimator.kind)
    columns = pool.asked().logits().shape[1] if names is None else len(names)
    rest = None
    if _are_there(labelled.features):
        count = _require_samples(labelled.features, "labelled_features")
        rest = _asked(estimator, labelled.features, count, "labelled_features", place.device)
    sides = _of_whole(pool, rest, labelled, labels, columns, head, seed, place)
    shown = sides.classes if labelled.classes is not None or not are_numbers(names) else None
    return dataclasses.replace(
        sides, classes=shown, stored=samples if isinstance(samples, StoredRows) else None
    )


def _of_table(features: Any, probs: Any, logits: Any, labelled: Labelled, seed: int, place: Place) -> Sides:
    """Predictions, and perhaps features beside them."""
    kind, values = ("logits", logits) if probs is None else ("probs", probs)
    table = Table(values, kind, place.device)  # type: ignore[arg-type]
    if not len(table):
        raise UsageError(f"{kind} has no rows: the pool is empty")
    why = (
        "this strategy reads features, and here are predictions alone: pass features= too, or features= and "
        f"head=(W, b) instead; {ALONE}"
    )
    found = None
    if features is not None:
        found = _pool(features, place)
        if len(found[0]) != len(table):
            raise UsageError(f"features have {len(found[0]):,} rows, {kind} {len(table):,}")
    pool = Whole(len(table), table, functools.partial(_points, found, why))
    labels = _Labels(labelled.classes, table.names, f"{kind}'s columns")
    rest = None
    if _are_there(labelled.features):
        of_labelled = matrix(labelled.features, "labelled_features", place.device)
        if found is not None and of_labelled[0].shape[1] != found[0].shape[1]:
            raise UsageError(
                f"features have {found[0].shape[1]} columns, labelled_features {of_labelled[0].shape[1]}"
            )
        lacking = (
            f"this strategy reads predictions of the labelled samples, too: pass {kind} and features of all "
            "samples, and labelled_rows= in place of labelled_features="
        )
        rest = Whole(len(of_labelled[0]), None, functools.partial(_points, of_labelled, why), lacking)
    columns = table.logits().shape[1]
    sides = _of_whole(pool, rest, labelled, labels, columns, Lacking(kind), seed, place)
    stored = found[0] if found is not None and isinstance(found[0], StoredRows) else None
    return dataclasses.replace(sides, stored=stored)


def _of_whole(
    pool: Whole,
    rest: Whole | None,
    labelled: Labelled,
    labels: _Labels,
    columns: int,
    head: nn.Module,
    seed: int,
    place: Place,
) -> Sides:
    known = _known(labelled, pool.size, labels)
    targets = labels.numbers(labelled.targets) if known is None else known.targets
    classes = _number_of_classes(labelled.num_classes, columns, targets, labels.names, exact=True)
    others = None if known is None else known.others.nonzero()[:, 0]
    taken = torch.zeros(0, dtype=torch.int64) if known is None else known.rows
    holes = None if known is None else Holes(known.rows.numpy())
    unlabelled = GivenRows(pool, others, head, seed, 0, place.device, holes)
    first = len(unlabelled)
    if rest is None:
        side = GivenRows(pool, taken, head, seed, first, place.device)
    else:
        side = GivenRows(rest, None, head, seed, first, place.device)
    _require_fitting(len(side), targets, classes)
    return Sides(unlabelled, side, targets.to(place.device), classes, labels.names, head, known, None)


def _lacking(estimator: Estimator | Committee) -> Lacking:
    """The head of a model without weights."""
    if isinstance(estimator, Estimator) and estimator.has_leaves:
        return Trees(estimator.kind, estimator)
    return Lacking(estimator.kind)


def _asked(
    estimator: Estimator | Committee, samples: Any, size: int, name: str, device: torch.device
) -> Whole:
    predictions = Asked(estimator, samples, size, device)
    return Whole(size, predictions, functools.partial(features_of, name, device, predictions))


def _points(found: Points | None, why: str) -> Points:
    if found is None:
        raise UsageError(why)
    return found


def _known(labelled: Labelled, size: int, labels: _Labels) -> LabelledRows | None:
    if labelled.rows is None:
        return None
    return LabelledRows.of(labelled.rows, labelled.targets, size, labels.numbers)


def _are_there(features: Any) -> bool:
    return features is not None and not (isinstance(features, list) and not features)


def _require_samples(samples: Any, name: str) -> int:
    """How many samples there are; numbers must be rows of them."""
    count = count_of(samples, name)
    kind = getattr(getattr(samples, "dtype", None), "kind", "")
    is_number = kind in ("b", "i", "u", "f") or isinstance(samples, Tensor)
    listed = isinstance(samples, list | tuple) and samples and isinstance(samples[0], int | float)
    if listed or (is_number and getattr(samples, "ndim", 2) == 1):
        raise UsageError(f"{name} must be a matrix, one row a sample, got shape [{count}]")
    return count


def _samples(features: Any, place: Place) -> Any:
    """The caller's own object; rows in files where they take much."""
    if not isinstance(features, str | os.PathLike | np.memmap) and not place.workers:
        return features
    found, _ = _pool(features, place, look=False)
    if isinstance(found, StoredRows):
        return found
    return features if isinstance(features, np.memmap) else found.cpu().numpy()


def _pool(features: Any, place: Place, look: bool = True) -> Points:
    """The pool's features and their largest magnitude; those in files are read where they take much."""
    if isinstance(features, str | os.PathLike):
        shards = open_shards(Path(features))
    elif isinstance(features, np.memmap) and features.ndim == 2 and features.dtype.kind in "biuf":
        shards = Shards([features], [str(features.filename or "features")])
    elif place.workers:
        raise UsageError("workers read a pool in files: give features as a .npy, or as a folder of them")
    else:
        return matrix(features, "features", place.device)
    limit = machine_memory() / 2 if place.memory is None else float(place.memory)
    if not limit > 0:
        raise UsageError(f"memory must be a number of bytes above 0, got {place.memory!r}")
    rows = StoredRows(shards, place.device, limit)
    before_taking_over(rows.require_unchanged)
    if place.workers or 2 * 4 * math.prod(rows.shape) > limit:
        return rows, rows.largest("features") if look else 0.0
    return matrix(rows[:], "features", place.device)


def _number_of_classes(
    given: Any, columns: int, targets: Tensor, names: Classes | None, exact: bool = False
) -> int:
    """As the caller says, or else as many as the head has, as names were found, or as labels show."""
    number = 0 if given is None else whole_number(given, "num_classes", least=0)
    if exact and number and number != columns:
        raise UsageError(f"num_classes is {number}, and predictions have {columns} columns")
    number = number or columns or (0 if names is None else len(names))
    if names is not None and len(names) != number:
        raise UsageError(
            f"there are {number} classes and {len(names)} labels of classes, {_some(names)}: pass classes=, "
            "the labels of all of them in their order"
        )
    return number or (int(targets.max()) + 1 if len(targets) else 0)


def _require_fitting(labelled: int, targets: Tensor, num_classes: int) -> None:
    if labelled != len(targets):
        raise UsageError(f"{labelled} labelled_features but {len(targets)} labelled_targets")
    if len(targets):
        least, most = (int(end) for end in targets.aminmax())
        if least < 0 or most >= num_classes:
            raise UsageError(f"labelled_targets must lie in 0..{num_classes - 1}, got {least}..{most}")


def _some(names: Classes) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
