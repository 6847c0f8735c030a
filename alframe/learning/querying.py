"""One query on features that somebody already has: no network, no data set, no loop."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe.data.shards import Shards, open_shards
from alframe.errors import UsageError
from alframe.learning.crew import with_workers
from alframe.learning.heads import as_head, classes_of
from alframe.learning.inputs import class_numbers, matrix, whole_number
from alframe.learning.labelled_rows import LabelledRows
from alframe.learning.pipeline import Pipeline, RoundState
from alframe.learning.rows import FeatureRows
from alframe.learning.stored import Reading, StoredRows, memory_of
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device
from alframe.notebooks import query_html, query_text
from alframe.ops.crew import Crew, before_taking_over
from alframe.ops.machine import machine_memory
from alframe.registry.registry import Registry, installed

if TYPE_CHECKING:
    Array = Tensor | np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class QueryResult:
    """The answer to `query`.

    Attributes:
        indices: rows of ``features`` to label, best first: ``n`` int64 numbers on the CPU.
        scores: a score for each row on the CPU, higher = label it first, -inf = never, as of one that is
            labelled; None where the strategy has no scorer.
        topped_up: how many of the last indices were drawn at random, because the strategy chose fewer.
        seconds: wall-clock time of the query, the transfer of the features to the device left out.
        logged: numbers that the plugins logged, by plugin name.
        pool_size: how many rows there were to choose from.
        reading: what was read of a pool in files, the pass that checks its numbers too; None of one in
            memory.
    """

    indices: Tensor
    scores: Tensor | None
    topped_up: int
    seconds: float
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    pool_size: int = 0
    reading: Reading | None = None
    __repr__, _repr_html_ = query_text, query_html


@with_workers
@torch.inference_mode(False)  # strategies take gradients, in whichever mode the caller is
def query(
    strategy: str,
    *,
    features: Array | str | os.PathLike[str],
    n: int,
    head: tuple[Array, Array | None] | nn.Module | None = None,
    labelled_features: Array | None = None,
    labelled_targets: Array | None = None,
    labelled_rows: Array | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    device: str | torch.device = "auto",
    memory: float | None = None,
    workers: int | Crew = 0,
    registry: Registry | None = None,
) -> QueryResult:
    """Chooses ``n`` rows of ``features`` to label.

    Args:
        strategy: a strategy's name, as ``alframe list-strategies`` shows it.
        features: ``N x D`` array, tensor, DataFrame or sparse matrix: the unlabelled pool. Here and below
            rows count in their order, never by a DataFrame's index. Or the path of a ``.npy`` or of a
            folder of them, or an array that `numpy.load` mapped: float32 of half of ``memory`` at the most is
            read at once, and of more a block at a time, as often as the strategy looks at it.
        n: the budget; all rows where there are fewer.
        head: ``(W, b)`` with ``W`` of shape ``C x D`` and ``b`` of ``C`` numbers or None; a module that maps
            features to logits; or a fitted `sklearn.linear_model.LogisticRegression`. One output is the logit
            of the second of two classes. A module is copied, and left as it is. Strategies that look at
            features alone need none.
        labelled_features: ``L x D`` of the same: the labelled set.
        labelled_targets: its ``L`` class numbers.
        labelled_rows: instead of ``labelled_features``, the ``L`` rows of ``features`` that are labelled: row
            numbers, or a boolean for each row. They leave the pool, and the answer's rows count as in
            ``features`` still. ``labelled_targets`` may then be one for each row of ``features``, too.
        num_classes: number of classes; by default as the head has it, or else the largest label plus one.
        seed: everything random derives from it.
        options: the strategy's options, as ``{"cap": 0.1}``; those of a borrowed plugin by its name, as
            ``{"coreset": {...}}``.
        stages: other providers for stages, as ``{"select": "alfamix"}``.
        device: ``"auto"``, or what `torch.device` takes; or several, as ``"cuda:0,cuda:1"``, each with a
            worker. Computed in float32.
        memory: bytes that may be held of what is as long as a pool in files; half of this machine's memory
            by default.
        workers: how many processes make the passes over a pool in files, which is then read by blocks
            whatever it takes: each on one of the GPUs, or with its share of the cores. The answer is that of
            none. One that dies is done without. Or an `alframe.ops.crew.Crew` that there is already.
        registry: where plugins are looked up; the installed ones by default.

    Raises:
        UsageError: shapes, values or names that don't fit; the message says which.
        PluginError: the plugin broke its contract.

    Example:
        >>> import alframe, numpy as np
        >>> rng = np.random.default_rng(0)
        >>> X, W, b = rng.normal(size=(50, 8)), rng.normal(size=(3, 8)), np.zeros(3)
        >>> result = alframe.query("margin", features=X, head=(W, b), n=5)
        >>> len(result.indices), result.topped_up
        (5, 0)
    """
    registry = registry or installed()
    name = registry.plugin(strategy, "strategy").name
    by_plugin = _by_plugin(name, options or {})
    pipeline = Pipeline(registry, strategy, stages, by_plugin)
    pipeline.require_used(by_plugin)
    on = resolve_device(device)
    n, seed = whole_number(n, "n", least=1), whole_number(seed, "seed")
    pool, most = _pool(features, on, memory, workers)
    if not len(pool):
        raise UsageError("features has no rows: the pool is empty")
    known = None
    if labelled_rows is not None:
        if labelled_features is not None:
            raise UsageError("labelled_features and labelled_rows both give the labelled set: leave one out")
        known = LabelledRows.of(labelled_rows, labelled_targets, len(pool))
        labelled_targets = known.targets
    labelled, most_labelled = pool[:0], 0.0
    if labelled_features is not None and not (isinstance(labelled_features, list) and not labelled_features):
        labelled, most_labelled = matrix(labelled_features, "labelled_features", on)
    elif known is not None:
        pool, labelled = known.split(pool)
    most = max(most, most_labelled)
    module = as_head(head, pool, most)
    targets = class_numbers([] if labelled_targets is None else labelled_targets, "labelled_targets").to(on)
    classes = _number_of_classes(num_classes, module, targets, pool)
    _check(pool, labelled, targets, classes)
    model = None if module is None else Classifier(nn.Identity(), module).eval()
    cold = pipeline.strategy.info.cold_start and not len(targets)
    state = RoundState(seed, 0 if cold else 1, classes, on, model)
    if on.type == "cuda":
        torch.cuda.synchronize(on)
    start = time.perf_counter()
    with memory_of(pool, on) as peak:
        selection = pipeline.query(
            FeatureRows(pool, module, seed, most),
            FeatureRows(labelled, module, seed, most, first=len(pool)),
            targets,
            min(n, len(pool)),
            state,
        )
    seconds = time.perf_counter() - start  # the picks are on the CPU, so the device has finished
    return QueryResult(
        indices=selection.picks if known is None else known.rows_of(selection.picks),
        scores=selection.scores if known is None else known.scores_of_all(selection.scores),
        topped_up=selection.topped_up,
        seconds=seconds,
        logged=selection.logged,
        pool_size=len(pool),
        reading=dataclasses.replace(pool.reading(), **peak) if isinstance(pool, StoredRows) else None,
    )


def _pool(
    features: Any, device: torch.device, memory: float | None, workers: int | Crew
) -> tuple[Tensor | StoredRows, float]:
    """The pool's features and their largest magnitude; those in files are read where they take much."""
    if isinstance(features, str | os.PathLike):
        shards = open_shards(Path(features))
    elif isinstance(features, np.memmap) and features.ndim == 2 and features.dtype.kind in "biuf":
        shards = Shards([features], [str(features.filename or "features")])
    elif workers:
        raise UsageError("workers read a pool in files: give features as a .npy, or as a folder of them")
    else:
        return matrix(features, "features", device)
    limit = machine_memory() / 2 if memory is None else float(memory)
    if not limit > 0:
        raise UsageError(f"memory must be a number of bytes above 0, got {memory!r}")
    rows = StoredRows(shards, device, limit)
    before_taking_over(rows.require_unchanged)
    if workers or 2 * 4 * math.prod(rows.shape) > limit:
        return rows, rows.largest("features")
    return matrix(rows[:], "features", device)


def _by_plugin(strategy: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A nested dictionary is meant for the plugin it names, all else for the strategy."""
    if not isinstance(options, Mapping):
        raise UsageError(f"options must be a dictionary, as {{'cap': 0.1}}, got {options!r}")
    own = {key: value for key, value in options.items() if not isinstance(value, Mapping)}
    named = {key: dict(value) for key, value in options.items() if isinstance(value, Mapping)}
    return named | {strategy: named.get(strategy, {}) | own}


def _number_of_classes(given: Any, head: nn.Module | None, targets: Tensor, pool: Any) -> int:
    if given is not None and (number := whole_number(given, "num_classes", least=0)):
        return number
    if head is not None:
        return classes_of(head, pool)
    return int(targets.max()) + 1 if len(targets) else 0


def _check(pool: Tensor | StoredRows, labelled: Tensor, targets: Tensor, num_classes: int) -> None:
    if labelled.shape[1] != pool.shape[1]:
        raise UsageError(f"features have {pool.shape[1]} columns, labelled_features {labelled.shape[1]}")
    if len(labelled) != len(targets):
        raise UsageError(f"{len(labelled)} labelled_features but {len(targets)} labelled_targets")
    if len(targets):
        least, most = (int(end) for end in targets.aminmax())
        if least < 0 or most >= num_classes:
            raise UsageError(f"labelled_targets must lie in 0..{num_classes - 1}, got {least}..{most}")
