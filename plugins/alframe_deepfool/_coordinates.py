"""A network that begins with a linear layer sees its input through it: nothing else has to be perturbed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alframe import Classifier


@torch.no_grad()
def in_fewer_coordinates(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Splits a network into an orthogonal projection of the input and a network on its coordinates.

    With first weights ``W = R^T Q^T``, the columns of ``Q`` orthonormal, every gradient in the input is ``Q``
    times the one in ``Q^T x``. So perturbations of ``Q^T x`` are those of ``x``, and as long.

    Args:
        model: maps a batch of inputs to logits.

    Returns:
        Two modules, the second on the first's output being ``model``: with fewer coordinates than the input
        has where the network begins with a linear layer of fewer outputs than inputs; else the identity and
        ``model`` itself.
    """
    if type(model) is not Classifier or type(model.body) is not nn.Sequential:
        return nn.Identity(), model
    layers = list(model.body)
    before = [layers.pop(0)] if layers and type(layers[0]) is nn.Flatten else []
    first = layers.pop(0) if layers else None
    if type(first) is not nn.Linear or first.out_features >= first.in_features:
        return nn.Identity(), model
    Q, R = torch.linalg.qr(first.weight.T)
    network = Classifier(nn.Sequential(_linear(R.T, first.bias), *layers), model.head).eval()
    return nn.Sequential(*before, _linear(Q.T)), network


def _linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer
