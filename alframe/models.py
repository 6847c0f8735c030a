"""Networks: a `Classifier` is a body and a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alframe.errors import UsageError


class Classifier(nn.Module):
    """A body that makes features and a head that makes logits of them.

    Args:
        body: maps a batch of inputs to ``n x D`` features.
        head: maps ``n x D`` features to ``n x C`` logits; a linear layer for most strategies to be exact.
        dropout: share of the features that is dropped between the two in training.
    """

    def __init__(self, body: nn.Module, head: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def features(self, x: Tensor) -> Tensor:
        """Features of a batch: ``n x D``."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch: ``n x C``."""
        logits: Tensor = self.head(self.dropout(self.body(x)))
        return logits


def dropout_modules(module: nn.Module) -> list[nn.Module]:
    """The layers of ``module`` that drop units at random, at a rate above zero."""
    kinds = nn.modules.dropout._DropoutNd
    return [layer for layer in module.modules() if isinstance(layer, kinds) and layer.p > 0]


def initial_state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same_state(module: nn.Module, state: dict[str, Tensor], prefix: str = "") -> bool:
    """Whether the weights and buffers are, bit for bit, those in ``state`` under ``prefix``."""
    return all(torch.equal(value, state[prefix + name]) for name, value in module.state_dict().items())


def on_device(model: Classifier, device: torch.device) -> Classifier:
    """The network on ``device``, images in channels-last layout: convolutions are faster on GPU and CPU."""
    three_dimensional = any(parameter.dim() == 5 for parameter in model.parameters())
    layout = torch.preserve_format if three_dimensional else torch.channels_last
    moved: Classifier = model.to(device, memory_format=layout)  # type: ignore[call-overload]
    return moved


def resolve_device(name: str | torch.device) -> torch.device:
    """The device that ``name`` means; ``"auto"`` is the GPU where there is one, else the CPU.

    Raises:
        UsageError: torch does not know the device, or this machine has none.
    """
    if str(name) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # what torch raises depends on the device
        reason = str(error).partition("\n")[0]
        raise UsageError(f"device {str(name)!r} can't be used: {reason} Try 'auto' or 'cpu'.") from error
    return device
