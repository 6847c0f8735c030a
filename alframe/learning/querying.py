"""One query on features that somebody already has: no network, no data set, no loop."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from alframe.errors import UsageError
from alframe.learning.pipeline import Pipeline, RoundState
from alframe.learning.rows import FeatureRows
from alframe.networks.classifier import Classifier
from alframe.networks.devices import resolve_device
from alframe.registry.registry import Registry, installed

if TYPE_CHECKING:
    import numpy as np

    Array = Tensor | np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class QueryResult:
    """The answer to `query`.

    Attributes:
        indices: rows of ``features`` to label, best first: ``n`` int64 numbers on the CPU.
        scores: ``N`` scores on the CPU, higher = label it first; None where the strategy has no scorer.
        topped_up: how many of the last indices were drawn at random, because the strategy chose fewer.
        seconds: wall-clock time of the query, the transfer of the features to the device left out.
        logged: numbers that the plugins logged, by plugin name.
    """

    indices: Tensor
    scores: Tensor | None
    topped_up: int
    seconds: float
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


def query(
    strategy: str,
    *,
    features: Array,
    n: int,
    head: tuple[Array, Array | None] | nn.Module | None = None,
    labelled_features: Array | None = None,
    labelled_targets: Array | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    device: str | torch.device = "auto",
    registry: Registry | None = None,
) -> QueryResult:
    """Chooses ``n`` rows of ``features`` to label.

    Args:
        strategy: a strategy's name, as ``alframe list-strategies`` shows it.
        features: ``N x D`` array or tensor: the unlabelled pool.
        n: the budget; all rows where there are fewer.
        head: ``(W, b)`` with ``W`` of shape ``C x D`` and ``b`` of ``C`` numbers or None, or a module that
            maps features to logits. Strategies that look at features alone need none.
        labelled_features: ``L x D`` array or tensor: the labelled set.
        labelled_targets: its ``L`` class numbers.
        num_classes: number of classes; by default as the head has it, or else the largest label plus one.
        seed: everything random derives from it.
        options: the strategy's options, as ``{"cap": 0.1}``; those of a borrowed plugin by its name, as
            ``{"coreset": {...}}``.
        stages: other providers for stages, as ``{"select": "alfamix"}``.
        device: ``"auto"``, or what `torch.device` takes. Computed in float32.
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
    pool = _matrix(features, "features", on)
    labelled = _matrix(pool[:0] if labelled_features is None else labelled_features, "labelled_features", on)
    module = _head(head, on)
    targets = _class_numbers([] if labelled_targets is None else labelled_targets, on)
    classes = num_classes or _count_classes(module, targets, pool)
    _check(pool, labelled, targets, module, classes, n)
    model = None if module is None else Classifier(nn.Identity(), module).eval()
    state = RoundState(seed, 1, classes, on, model)
    if on.type == "cuda":
        torch.cuda.synchronize(on)
    start = time.perf_counter()
    selection = pipeline.query(
        FeatureRows(pool, module, seed),
        FeatureRows(labelled, module, seed),
        targets,
        min(n, len(pool)),
        state,
    )
    seconds = time.perf_counter() - start  # the picks are on the CPU, so the device has finished
    return QueryResult(
        indices=selection.picks,
        scores=selection.scores,
        topped_up=selection.topped_up,
        seconds=seconds,
        logged=selection.logged,
    )


def _by_plugin(strategy: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A nested dictionary is meant for the plugin it names, all else for the strategy."""
    own = {key: value for key, value in options.items() if not isinstance(value, Mapping)}
    named = {key: dict(value) for key, value in options.items() if isinstance(value, Mapping)}
    return named | {strategy: named.get(strategy, {}) | own}


def _tensor(values: Any, name: str) -> Tensor:
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(values, "dtype", type(values).__name__)
        raise UsageError(f"{name} must be an array or tensor of numbers, got {kind}") from error


def _class_numbers(values: Any, device: torch.device) -> Tensor:
    given = _tensor(values, "labelled_targets").reshape(-1)
    targets = given.to(device, torch.int64)
    if given.is_complex() or not torch.equal(targets.to(given.dtype), given.to(device)):
        raise UsageError("labelled_targets must be class numbers, 0, 1, 2, ...; some are no whole numbers")
    return targets


def _matrix(values: Any, name: str, device: torch.device) -> Tensor:
    matrix = _tensor(values, name)
    if matrix.ndim != 2 or matrix.is_complex():
        raise UsageError(f"{name} must be a matrix, one row a sample, got shape {list(matrix.shape)}")
    matrix = matrix.detach().to(device, torch.float32)
    if matrix.numel():
        low, high = matrix.aminmax()
        if not (torch.isfinite(low) and torch.isfinite(high)):
            raise UsageError(f"{name} contain NaN or infinite values")
    return matrix


def _head(head: Any, device: torch.device) -> nn.Module | None:
    if head is None or isinstance(head, nn.Module):
        return head if head is None else head.to(device)
    try:
        weight, bias = head
    except (TypeError, ValueError):
        raise UsageError("head must be (W, b), with b None if there is none, or a torch module") from None
    W = _matrix(weight, "the head's weights", device)
    linear = nn.Linear(W.shape[1], W.shape[0], bias=bias is not None, device="meta").to_empty(device=device)
    linear.weight.data = W
    if bias is not None:
        b = _tensor(bias, "the head's bias").detach().to(device, torch.float32).reshape(-1)
        if len(b) != len(W):
            raise UsageError(
                f"the head's bias must have {len(W)} numbers, as its weights have rows, got {len(b)}"
            )
        linear.bias.data = b
    return linear


def _count_classes(head: nn.Module | None, targets: Tensor, pool: Tensor) -> int:
    if isinstance(head, nn.Linear):
        return head.out_features
    if head is not None:
        with torch.no_grad():
            return int(head(pool[:1]).shape[1])
    return int(targets.max()) + 1 if len(targets) else 0


def _check(
    pool: Tensor, labelled: Tensor, targets: Tensor, head: nn.Module | None, num_classes: int, n: int
) -> None:
    if n < 1:
        raise UsageError(f"n must be at least 1, got {n}")
    if not len(pool):
        raise UsageError("features has no rows: the pool is empty")
    if labelled.shape[1] != pool.shape[1]:
        raise UsageError(f"features have {pool.shape[1]} columns, labelled_features {labelled.shape[1]}")
    if len(labelled) != len(targets):
        raise UsageError(f"{len(labelled)} labelled_features but {len(targets)} labelled_targets")
    if isinstance(head, nn.Linear) and head.in_features != pool.shape[1]:
        raise UsageError(f"features have {pool.shape[1]} columns, the head takes {head.in_features}")
    if len(targets) and (targets.min() < 0 or targets.max() >= num_classes):
        raise UsageError(f"labelled_targets must lie in 0..{num_classes - 1}")
