"""Checks of what a hook returned. Each message says what was wanted and what came."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from alframe.contract.recipe import TrainResult
from alframe.data.dataset import Dataset
from alframe.errors import PluginError, UsageError, one_line
from alframe.networks.classifier import Classifier
from alframe.ops.geometry import Embeddings, Geometry, as_geometry


def check_dataset(result: Any) -> Dataset:
    """Wants a `Dataset`."""
    if not isinstance(result, Dataset):
        raise PluginError(f"wanted an alframe.Dataset, got {_what(result)}")
    return result


def check_network(result: Any) -> Classifier:
    """Wants a `Classifier`."""
    if not isinstance(result, Classifier):
        raise PluginError(f"wanted an alframe.Classifier, got {_what(result)}")
    return result


def require_network(model: Classifier, inputs: Tensor, num_classes: int) -> None:
    """Refuses a network of the user's own that can't work on these data; it is in evaluation mode afterwards.

    Args:
        model: the network.
        inputs: ``n x ...`` samples as it takes them, on its device.
        num_classes: how many logits are needed.

    Raises:
        UsageError: it can't take the samples, or has no features or logits of them as they are needed.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise UsageError("the network was made in torch.inference_mode and can't be trained: make it outside")
    shape = f"a {str(inputs.dtype).removeprefix('torch.')} tensor of shape {list(inputs.shape)}"
    try:
        with torch.no_grad():
            features = model.eval().features(inputs)
            logits = model.head(features)
    except Exception as error:
        raise UsageError(
            f"the network can't take these data, {shape}: {type(error).__name__}: {one_line(error)}"
        ) from error
    for name, value in (("features", features), ("logits", logits)):
        if not isinstance(value, Tensor) or value.ndim != 2 or len(value) != len(inputs):
            raise UsageError(f"the network's {name} must be one row a sample; of {shape} came {_what(value)}")
    if logits.shape[1] < num_classes:
        raise UsageError(f"the network has {logits.shape[1]} outputs, the data have {num_classes} classes")


def check_training(result: Any) -> TrainResult:
    """Wants a `TrainResult`."""
    if not isinstance(result, TrainResult):
        raise PluginError(f"wanted a TrainResult, got {_what(result)}")
    return result


def check_embeddings(result: Any, pool_size: int, labelled_size: int) -> tuple[Geometry, Geometry]:
    """Wants ``Embeddings`` of as many points as there are samples, finite, of one geometry."""
    if not isinstance(result, Embeddings):
        raise PluginError(f"wanted Embeddings(pool, labelled), got {_what(result)}")
    parts = []
    for name, points, size in (
        ("pool", result.pool, pool_size),
        ("labelled", result.labelled, labelled_size),
    ):
        wanted = f"wanted a geometry or a tensor of shape [{size}, E] for the {name}"
        if isinstance(points, Tensor) and points.ndim != 2:
            raise PluginError(f"{wanted}, got {_what(points)}")
        if not isinstance(points, Tensor | Geometry):
            raise PluginError(f"{wanted}, got {_what(points)}")
        geometry = as_geometry(points)
        if len(geometry) != size:
            raise PluginError(f"{wanted}, got {len(geometry)} points")
        norms = geometry.squared_norms()
        ends = torch.stack(norms.aminmax()) if size else norms
        if not torch.isfinite(4 * ends).all():  # the most that a squared distance can be
            raise PluginError(f"{wanted} with finite squared norms, got NaN, infinite or huge values")
        parts.append(geometry)
    pool, labelled = parts
    if type(pool) is not type(labelled):
        raise PluginError(
            f"wanted one geometry for both, got {type(pool).__name__} and {type(labelled).__name__}"
        )
    return pool, labelled


def check_scores(result: Any, pool_size: int) -> Tensor:
    """Wants ``N`` floating-point scores, finite or ``-inf``."""
    wanted = f"wanted a floating-point tensor of shape [{pool_size}]"
    if not isinstance(result, Tensor) or not result.is_floating_point() or result.shape != (pool_size,):
        raise PluginError(f"{wanted}, got {_what(result)}")
    most = float(result.amax()) if pool_size else 0.0  # NaN where there is one
    if math.isnan(most):
        raise PluginError(f"{wanted} without NaN, got {int(result.isnan().sum())} NaN")
    if most == math.inf:
        raise PluginError(f"{wanted}, finite or -inf (never), got +inf")
    return result


def check_picks(result: Any, pool_size: int, n: int) -> Tensor:
    """Wants up to ``n`` distinct positions in the pool."""
    wanted = f"wanted an int64 tensor of up to n = {n} distinct positions in 0..{pool_size - 1}"
    if not isinstance(result, Tensor) or result.dtype != torch.int64 or result.ndim != 1:
        raise PluginError(f"{wanted}, got {_what(result)}")
    if len(result) > n:
        raise PluginError(f"{wanted}, got {len(result)}")
    picks = result.detach().cpu()
    places = picks.tolist()
    if places and (min(places) < 0 or max(places) >= pool_size):
        raise PluginError(f"{wanted}, got positions {min(places)}..{max(places)}")
    if repeated := len(places) - len(set(places)):
        raise PluginError(f"{wanted}, got {repeated} repeated")
    return picks


def _what(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {list(value.shape)}"
    if value is None:
        return "None (is a `return` missing?)"
    return f"{type(value).__name__}: {value!r}"[:200]
