"""The module that predicts losses, and what it learns from: which of two samples has the larger one.

Yoo and Kweon, CVPR 2019, arXiv 1905.03677, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class LossModule(nn.Module):
    """Predicts the loss of a sample from the outputs of several layers, section 3.2.

    Of each output the mean over places or tokens, a linear layer and ReLU; then one linear layer of all.

    Args:
        sizes: numbers of each layer's output, once it is averaged.
        width: numbers that are made of each.
        generator: CPU generator of the weights, uniform in ``+-1/sqrt(inputs of the layer)``.
    """

    def __init__(self, sizes: Sequence[int], width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_linear(size, width, generator) for size in sizes)
        self.out = _linear(width * len(sizes), 1, generator)

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """``n`` predicted losses of ``n x ...`` outputs of the layers."""
        dtype = self.out.weight.dtype
        parts = [
            functional.relu(layer(averaged(output).to(dtype)))
            for layer, output in zip(self.layers, outputs, strict=True)
        ]
        predicted: Tensor = self.out(torch.cat(parts, dim=1))
        return predicted[:, 0]

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor]) -> LossModule:
        """The module whose ``state_dict`` it is."""
        count = sum(name.endswith(".weight") for name in state) - 1
        first = [state[f"layers.{number}.weight"] for number in range(count)]
        module = cls([weight.shape[1] for weight in first], len(first[0]), torch.Generator())
        module.load_state_dict(dict(state))
        return module.to(first[0].device)


def averaged(output: Tensor) -> Tensor:
    """``n x d`` numbers of a layer's output: means of images' channels over all places, or the mean token.

    Args:
        output: ``n x d``, ``n x tokens x d``, or ``n x d x ...``.
    """
    if output.dim() < 3:
        return output.reshape(len(output), -1)
    return output.mean(dim=1) if output.dim() == 3 else output.flatten(2).mean(dim=2)


def pair_losses(predicted: Tensor, losses: Tensor, margin: float) -> Tensor:
    """How much the order of two predictions is wrong, equation 2, for the pairs ``(i, B + 1 - i)``.

    ``max(0, -s (p_i - p_j) + margin)`` with ``s`` 1 where ``l_i > l_j``, and -1 where it is less or equal.
    The middle sample of an odd number has no partner.

    Args:
        predicted: ``B`` predicted losses ``p``.
        losses: ``B`` losses ``l``; no gradient flows into them.
        margin: the smallest difference that is enough.

    Returns:
        ``B // 2`` numbers.

    Example:
        >>> pair_losses(torch.tensor([0.2, 0.9, 0.4, 0.1]), torch.tensor([1.0, 0.3, 0.2, 0.5]), 1.0)
        tensor([0.9000, 0.5000])
    """
    pairs = len(losses) // 2
    losses = losses.detach()
    sign = torch.where((losses - losses.flip(0))[:pairs] > 0, 1.0, -1.0).to(predicted)
    return functional.relu(margin - sign * (predicted - predicted.flip(0))[:pairs])


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with torch's usual weights, drawn from a generator."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            drawn = 2 * torch.rand(parameter.shape, generator=generator) - 1
            parameter.copy_(drawn / max(1, inputs) ** 0.5)
    return layer
