"""How many threads a training takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

SHARE = 25e6  # floating-point operations of a step that make one more thread worth it: 0.3 ms of a core


@contextlib.contextmanager
def threads_for_training(model: nn.Module, x: Tensor, batch_size: int) -> Iterator[None]:
    """Takes no more threads than have enough to do, for a block of code that trains a network on the CPU.

    In a smaller step more threads gain nothing, and where other programs are busy they wait for each other
    many times as long as they compute.

    Args:
        model: the network; in evaluation mode afterwards.
        x: one sample or more.
        batch_size: samples of a step.
    """
    threads = torch.get_num_threads()
    if x.device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(min(threads, max(1, int(step_operations(model, x[:1], batch_size) / SHARE))))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def step_operations(model: nn.Module, x: Tensor, batch_size: int) -> float:
    """Floating-point operations of a gradient step: three times those of a forward pass.

    Args:
        model: the network; in evaluation mode afterwards.
        x: one sample, ``1 x ...``.
        batch_size: samples of a step.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model.eval()(x)
    return 3.0 * batch_size * counter.get_total_flops()
