"""Torch's optimisers without torch's compiler, which they import when they are made: 1.5 s of a processor."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)


@functools.cache
def without_compiler(kind: type[Kind]) -> type[Kind]:
    """An optimiser that takes the same steps, bit for bit, and never imports ``torch._dynamo``.

    Torch wraps the methods of its optimisers so that its compiler sees where to pause. Here they are called
    bare, without hooks of steps and marks for profilers, which also takes less time a step. Whoever calls
    `torch.compile` on a training step wants torch's own.

    Args:
        kind: a class of ``torch.optim``.

    Returns:
        A class that is made as ``kind`` is.

    Example:
        >>> weights = torch.ones(3, requires_grad=True)
        >>> optimizer = without_compiler(torch.optim.SGD)([weights], lr=0.5)
        >>> weights.sum().backward()
        >>> optimizer.step()
        >>> weights.tolist()
        [0.5, 0.5, 0.5]
    """
    plain = inspect.unwrap(kind.step)

    def step(self: Optimizer, closure: Callable[[], Any] | None = None) -> Any:
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            return plain(self, closure)

    step.hooked = True  # type: ignore[attr-defined]  # or torch wraps it when an optimiser is made
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in ("add_param_group", "zero_grad")}
    return type(kind.__name__, (kind,), {**methods, "step": step, "__doc__": kind.__doc__})
