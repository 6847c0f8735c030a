"""Temperature scaling after a training, within the head's last layer: whatever reads logits has them scaled.

Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599, section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from alframe.contract.recipe import Recipe
from alframe.contract.views import LabelledView
from alframe.data.dataset import Dataset
from alframe.errors import UsageError
from alframe.learning.estimator_heads import EstimatorHead, name_of
from alframe.learning.rows import HEAD, Members
from alframe.networks.classifier import Classifier
from alframe.ops.calibration import best_temperature

LINEAR = ("weight", "bias")


@torch.no_grad()
def require_scalable(recipe: Recipe, model: Classifier, dataset: Dataset, device: torch.device) -> None:
    """Refuses a network that can't be calibrated, before anything is trained.

    Args:
        recipe: nothing is asked of the network unless it calibrates.
        model: the network, in evaluation mode; its weights are the same afterwards.
        dataset: of which a sample passes through it.
        device: the network's.

    Raises:
        UsageError: no linear layer ends its head.
    """
    if recipe.calibrate == "none":
        return
    if isinstance(model.head, EstimatorHead):
        name = name_of(model.head.prototype)
        raise UsageError(
            f"train.calibrate=temperature is for networks, and {name} is none: leave it at none, or give "
            f"CalibratedClassifierCV({name}(...)) of sklearn.calibration as the model"
        )
    features = model.features(dataset.example().to(device))
    layer = _last_layer(model)
    if layer is None or not _ends_the_head(model, layer, features):
        raise UsageError(
            "train.calibrate=temperature scales the linear layer that ends a network's head, and "
            f"{type(model.head).__name__} does not end in one: leave it at none"
        )


@torch.no_grad()
def calibrate(recipe: Recipe, model: Classifier, validation: LabelledView, members: Members) -> float | None:
    """Divides the logits by the temperature that minimises the validation part's log loss.

    Args:
        recipe: says whether.
        model: the trained network; its head's last layer is scaled in place.
        validation: the held-out samples, whose features nobody has asked for before.
        members: weights of a committee's members, each of which is scaled in place by its own temperature.

    Returns:
        The network's temperature; None where nothing is calibrated.
    """
    if recipe.calibrate == "none":
        return None
    if not len(validation):
        return 1.0
    model.eval()
    temperature = best_temperature(validation.logits, validation.targets)
    for member in members:
        own = best_temperature(_logits_of(model, member, validation), validation.targets)
        _divide(_weights_of(model, member), own)
    _divide(_weights_of(model, dict(model.named_parameters())), temperature)
    return temperature


def _logits_of(model: Classifier, member: Mapping[str, Tensor], rows: LabelledView) -> Tensor:
    """A member's logits: of its own head, or of its own network."""
    if all(name.startswith(HEAD) for name in member):
        head = {name.removeprefix(HEAD): value for name, value in member.items()}
        logits: Tensor = torch.func.functional_call(model.head, head, (rows.features,))
        return logits
    return torch.cat([torch.func.functional_call(model, dict(member), (x,)) for x in rows.inputs()])


def uncalibrate(model: Classifier, temperature: float | None) -> None:
    """Multiplies the logits by the last temperature again, for a training that goes on from these weights."""
    if temperature is not None:
        with torch.no_grad():
            _divide(_weights_of(model, dict(model.named_parameters())), 1 / temperature)


def _last_layer(model: Classifier) -> str | None:
    """The name of the head's last linear layer, within the network; None where weights are made, not kept."""
    names = [name for name, module in model.head.named_modules() if isinstance(module, nn.Linear)]
    if not names or "weight" not in dict(model.head.get_submodule(names[-1]).named_parameters(recurse=False)):
        return None
    return f"{HEAD}{names[-1]}." if names[-1] else HEAD


def _ends_the_head(model: Classifier, layer: str, features: Tensor) -> bool:
    """Whether half of the layer's weights give half of the logits, which rules out all that follows it."""
    weights = _weights_of(model, dict(model.named_parameters()))
    kept = [weight.clone() for weight in weights]
    try:
        for weight in weights:
            weight.copy_(torch.linspace(-1, 2, weight.numel(), device=weight.device).view_as(weight))
        whole = model.head(features)
        _divide(weights, 2.0)
        return bool(torch.allclose(model.head(features), whole / 2, rtol=1e-3, atol=1e-6))
    finally:
        for weight, value in zip(weights, kept, strict=True):
            weight.copy_(value)


def _weights_of(model: Classifier, state: Mapping[str, Tensor]) -> Sequence[Tensor]:
    """The last layer's weight and bias in a state of the network."""
    layer = _last_layer(model)
    return [state[f"{layer}{name}"] for name in LINEAR if f"{layer}{name}" in state]


def _divide(weights: Sequence[Tensor], temperature: float) -> None:
    for weight in weights:
        weight.div_(temperature)
