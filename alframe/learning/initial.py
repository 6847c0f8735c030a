"""The initial labelled set: how the samples are chosen that are labelled before any network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alframe.errors import UsageError, unknown_name
from alframe.learning.pipeline import Pipeline

RANDOM, BALANCED, OWN = "random", "balanced", "own"


def start_named(name: str, pipeline: Pipeline, options: Mapping[str, Mapping[str, Any]]) -> Pipeline | None:
    """Who chooses when nothing is labelled yet; None where samples are drawn.

    Args:
        name: ``"random"`` or ``"balanced"``; ``"own"``, the strategy itself, or None where it needs labels;
            or a strategy's name.
        pipeline: the strategy of later queries.
        options: options by plugin name.

    Raises:
        UsageError: an unknown strategy, or one that needs labels.
    """
    if name in (RANDOM, BALANCED):
        return None
    if name == OWN:
        return pipeline if pipeline.strategy.info.cold_start else None
    registry = pipeline.registry
    able = [RANDOM, BALANCED, OWN, *(plugin.name for plugin in registry.strategies if plugin.info.cold_start)]
    if not registry.named(name):
        raise unknown_name("start", name, able)
    start = Pipeline(registry, name, {}, options)
    if not start.strategy.info.cold_start:
        raise UsageError(f"{name} can't choose before anything is labelled; these can: {', '.join(able)}")
    return start


def initial_set(order: Tensor, oracle: Tensor, size: int, how: str) -> Tensor:
    """The samples labelled at the start.

    Args:
        order: every position of the pool in random order, the same for all strategies at one seed.
        oracle: every label, ``M`` class numbers.
        size: how many; the whole pool where that is smaller.
        how: ``"random"``, or ``"balanced"``: as many of each class as can be, short classes filled up
            from the others.

    Returns:
        Positions in the data set: int64.
    """
    if how == "balanced":
        # The i-th sample of its class comes before any (i+1)-th: take the classes in turn.
        labels = oracle[order]
        turn = torch.zeros_like(labels)
        for label in labels.unique():
            of_class = labels == label
            turn[of_class] = torch.arange(int(of_class.sum()))
        order = order[turn.argsort(stable=True)]
    return order[:size]
