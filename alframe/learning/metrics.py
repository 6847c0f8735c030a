"""How good the network is on the test part."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from alframe.data.dataset import Dataset
from alframe.data.samples import Samples
from alframe.notebooks import fields_html
from alframe.ops.blocks import row_blocks
from alframe.ops.calibration import reliability_bins

Bin = tuple[int, int, float, float]
BINS = 15
DIGITS = 6  # of the bins' means: a record is small


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a network on labelled samples.

    Attributes:
        accuracy: share of samples predicted right.
        balanced_accuracy: mean recall over the classes that occur.
        macro_f1: mean F1 over the classes that occur or are predicted.
        loss: mean cross-entropy, in nats.
        ece: expected calibration error in 15 bins of the confidence, between 0 and 1 (Guo et al., ICML 2017).
        brier: mean over samples of the sum over classes of ``(probability - is the class)^2``, between 0 and
            2 (Brier, Monthly Weather Review 78, 1950); of two classes twice what scikit-learn gives.
        reliability: the bins that hold samples: number ``b`` of 0..14, for confidences in
            ``(b/15, (b+1)/15]``, samples, their mean confidence, share of them predicted right.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    loss: float
    ece: float
    brier: float
    reliability: tuple[Bin, ...] = dataclasses.field(repr=False)
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
        **_calibration(logits, targets),
    )


def _calibration(logits: Tensor, targets: Tensor) -> dict[str, Any]:
    """What is said of probabilities, all of it in float64; sums are made on the CPU, in order."""
    confidence, right, brier = [], [], []
    for rows in row_blocks(len(logits), 2 * logits.shape[1], logits.device):
        probs = logits[rows].double().softmax(dim=1)
        most, predicted = probs.max(dim=1)
        confidence.append(most.cpu())
        right.append((predicted == targets[rows]).cpu())
        probs[torch.arange(len(probs), device=probs.device), targets[rows]] -= 1
        brier.append(probs.square().sum(dim=1).cpu())
    counts, confidences, rights = reliability_bins(torch.cat(confidence), torch.cat(right), BINS)
    bins = zip(range(BINS), counts.tolist(), confidences.tolist(), rights.tolist(), strict=True)
    return {
        "ece": ((rights - confidences).abs().sum() / len(logits)).item(),
        "brier": torch.cat(brier).mean().item(),
        "reliability": tuple(
            (number, int(count), round(sure / count, DIGITS), round(true / count, DIGITS))
            for number, count, sure, true in bins
            if count
        ),
    }


def samples_to_test_on(dataset: Dataset, device: torch.device) -> tuple[Samples, Tensor] | None:
    """The test part's samples and class numbers on a device; None where a data set has no such part."""
    if dataset.test_inputs is None or dataset.test_targets is None:
        return None
    return Samples(dataset.test_inputs, device, dataset.transform), dataset.test_targets.to(device)
