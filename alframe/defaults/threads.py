"""How many threads a training takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from alframe.networks.classifier import Classifier

PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d)
OTHERS = (
    *(nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d, nn.ReLU, nn.Tanh, nn.GELU),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm),
)
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
    model.eval()
    layers = list(_chain(model))
    if all(type(layer) in (*PRODUCTS, *OTHERS) for layer in layers):
        return 3.0 * batch_size * _operations(layers, x)
    from torch.utils.flop_counter import FlopCounterMode  # imports torch's compiler: 1.3 s of a processor

    with FlopCounterMode(display=False) as counter:
        model(x)
    return 3.0 * batch_size * counter.get_total_flops()


def _chain(model: nn.Module) -> Iterator[nn.Module]:
    """The layers of a network that are called one after the other."""
    if type(model) in (Classifier, nn.Sequential):
        for part in model.children():
            yield from _chain(part)
    else:
        yield model


def _operations(layers: Iterable[nn.Module], x: Tensor) -> int:
    """What torch's counter finds: two for each product of a weight and a number."""
    total = 0
    for layer in layers:
        x = layer(x)
        if isinstance(layer, PRODUCTS):
            total += 2 * x.numel() * layer.weight[0].numel()
    return total
