"""One query on what somebody already has, features or predictions: no network, no data set, no loop."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe.errors import UsageError
from alframe.learning.asking import Labelled, Place, sides_of
from alframe.learning.crew import with_workers
from alframe.learning.inputs import whole_number
from alframe.learning.nested import THIS
from alframe.learning.pipeline import Pipeline
from alframe.learning.state import RoundState
from alframe.learning.stored import Reading, memory_of
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device
from alframe.notebooks import query_html, query_text
from alframe.ops.crew import Crew
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
        seconds: wall-clock time of the query, an estimator's ``predict_proba`` in it; the transfer of
            features that were numbers to the device is left out.
        logged: numbers that the plugins logged, by plugin name.
        pool_size: how many rows there were to choose from.
        reading: what was read of a pool in files, the pass that checks its numbers too; None of one in
            memory.
        classes: class labels in the order of class numbers; None where labels were class numbers.
    """

    indices: Tensor
    scores: Tensor | None
    topped_up: int
    seconds: float
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    pool_size: int = 0
    reading: Reading | None = None
    classes: tuple[Hashable, ...] | None = None

    __repr__, _repr_html_ = query_text, query_html


@with_workers
@torch.inference_mode(False)  # strategies take gradients, in whichever mode the caller is
def query(
    strategy: str,
    *,
    features: Any = None,
    n: int,
    head: tuple[Array, Array | None] | nn.Module | Any = None,
    probs: Any = None,
    logits: Any = None,
    labelled_features: Any = None,
    labelled_targets: Any = None,
    labelled_rows: Array | None = None,
    classes: Sequence[Hashable] | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    device: str | torch.device = "auto",
    memory: float | None = None,
    workers: int | Crew = 0,
    registry: Registry | None = None,
) -> QueryResult:
    """Chooses ``n`` rows of ``features``, or of ``probs``, to label.

    Args:
        strategy: a strategy's name, as ``alframe list-strategies`` shows it.
        features: ``N x D`` array, tensor, DataFrame or sparse matrix: the unlabelled pool. Here and below
            rows count in their order, never by a DataFrame's index. Or the path of a ``.npy`` or of a
            folder of them, or an array that `numpy.load` mapped: float32 of half of ``memory`` at the most is
            read at once, and of more a block at a time, as often as the strategy looks at it. With an
            estimator as ``head`` whatever that takes: columns of all kinds, texts, images.
        n: the budget; all rows where there are fewer.
        head: ``(W, b)`` with ``W`` of shape ``C x D`` and ``b`` of ``C`` numbers or None; a module that maps
            features to logits; or a fitted estimator, any object with ``predict_proba``, as those of
            scikit-learn and its pipelines, `xgboost.XGBClassifier`, `lightgbm.LGBMClassifier`, a skorch net.
            One output is the logit of the second of two classes. A module is copied, and left as it is. An
            estimator is asked once, for all of ``features`` as they are; strategies that read features get
            what the last step of a pipeline gets, and a linear one's weights. A forest, a bagging or a vote
            is a committee of its members, and so is a list of fitted estimators. Strategies that look at
            features alone need no head.
        probs: instead of ``head`` the pool's ``N x C`` class probabilities, or ``T x N x C`` of ``T`` members
            of a committee or samples of a posterior: an array, a tensor, a DataFrame with a column a class,
            lists, or the path of a ``.npy``. Rows may be off from adding up to 1 by 0.001.
        logits: the same as logits; ``N`` of them are those of the second of two classes.
        labelled_features: the labelled set, ``L`` samples of the same kind as ``features``.
        labelled_targets: its ``L`` labels: class numbers, or texts or any other labels.
        labelled_rows: instead of ``labelled_features``, the ``L`` rows of ``features`` that are labelled: row
            numbers, or a boolean for each row. They leave the pool, and the answer's rows count as in
            ``features`` still. ``labelled_targets`` may then be one for each row of ``features``, too.
        classes: the labels of classes in their order, that of the columns of ``probs`` and rows of ``W``. By
            default the estimator's ``classes_``, a DataFrame's columns, or else the labels sorted.
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
    labelled = Labelled(labelled_features, labelled_targets, labelled_rows, classes, num_classes)
    sides = sides_of(features, head, probs, logits, labelled, seed, Place(on, memory, workers))
    model = None if sides.head is None else Classifier(nn.Identity(), sides.head).eval()
    cold = pipeline.strategy.info.cold_start and not len(sides.targets)
    size, known, stored = len(sides.pool), sides.known, sides.stored
    n = min(n, size)
    state = RoundState(seed, 0 if cold else 1, sides.num_classes, on, model, left=n)
    if on.type == "cuda":
        torch.cuda.synchronize(on)
    start = time.perf_counter()
    with memory_of(stored, on) as peak, _named(name):
        selection = pipeline.query(sides.pool, sides.labelled, sides.targets, n, state)
    seconds = time.perf_counter() - start  # the picks are on the CPU, so the device has finished
    return QueryResult(
        indices=selection.picks if known is None else known.rows_of(selection.picks),
        scores=selection.scores if known is None else known.scores_of_all(selection.scores),
        topped_up=selection.topped_up,
        seconds=seconds,
        logged=selection.logged,
        pool_size=size,
        reading=None if stored is None else dataclasses.replace(stored.reading(), **peak),
        classes=sides.classes,
    )


@contextlib.contextmanager
def _named(strategy: str) -> Iterator[None]:
    """Calls the strategy by its name where a line says what it lacks."""
    try:
        yield
    except UsageError as error:
        line = str(error)
        if not line.startswith(THIS):
            raise
        raise type(error)(f"{strategy} {line.removeprefix(THIS)}") from error


def _by_plugin(strategy: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A nested dictionary is meant for the plugin it names, all else for the strategy."""
    if not isinstance(options, Mapping):
        raise UsageError(f"options must be a dictionary, as {{'cap': 0.1}}, got {options!r}")
    own = {key: value for key, value in options.items() if not isinstance(value, Mapping)}
    named = {key: dict(value) for key, value in options.items() if isinstance(value, Mapping)}
    return named | {strategy: named.get(strategy, {}) | own}
