"""Where a network runs."""

from __future__ import annotations

import torch

from alframe.errors import UsageError
from alframe.networks.classifier import Classifier


def resolve_device(name: str | torch.device) -> torch.device:
    """The device that ``name`` means; ``"auto"`` is the GPU where there is one, else the CPU.

    Raises:
        UsageError: torch does not know the device, or this machine has none.
    """
    if str(name) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("tensors on it have no numbers.")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # what torch raises depends on the device
        reason = str(error).partition("\n")[0]
        raise UsageError(f"device {str(name)!r} can't be used: {reason} Try 'auto' or 'cpu'.") from error
    return device


def on_device(model: Classifier, device: torch.device) -> Classifier:
    """The network on ``device``, images in channels-last layout: convolutions are faster on GPU and CPU."""
    three_dimensional = any(parameter.dim() == 5 for parameter in model.parameters())
    layout = torch.preserve_format if three_dimensional else torch.channels_last
    moved: Classifier = model.to(device, memory_format=layout)  # type: ignore[call-overload]
    return moved
