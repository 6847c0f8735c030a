"""How good the network is on the test part."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

from alframe.notebooks import fields_html


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a network on labelled samples.

    Attributes:
        accuracy: share of samples predicted right.
        balanced_accuracy: mean recall over the classes that occur.
        macro_f1: mean F1 over the classes that occur or are predicted.
        loss: mean cross-entropy, in nats.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    loss: float
    _repr_html_ = fields_html


def evaluate(logits: Tensor, targets: Tensor) -> Evaluation:
    """Scores predictions.

    Args:
        logits: ``n x C`` tensor.
        targets: ``n`` class numbers.
    """
    num_classes = logits.shape[1]
    cells = targets * num_classes + logits.argmax(dim=1)
    confusion = torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes).double()
    right, true, predicted = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    recall = right[true > 0] / true[true > 0]
    seen = true + predicted > 0
    f1 = 2 * right[seen] / (true + predicted)[seen]
    return Evaluation(
        accuracy=(right.sum() / len(targets)).item(),
        balanced_accuracy=recall.mean().item(),
        macro_f1=f1.mean().item(),
        loss=functional.cross_entropy(logits, targets).item(),
    )
