"""What a query chose, in numbers: how sure the network was of it, and how varied it is."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def describe_picks(features: Tensor, logits: Tensor, targets: Tensor) -> dict[str, float]:
    """Describes the chosen samples by the network that they were chosen with.

    Args:
        features: ``n x D``.
        logits: ``n x C``.
        targets: ``n`` class numbers, which the network did not know.

    Returns:
        ``misclassified``: share that the network predicted wrong; ``confidence``: mean probability of the
        predicted class; ``margin``: mean difference to the second; ``predicted_entropy``, ``true_entropy``:
        entropy of the distribution of predicted and of true classes, in nats, at most ``log C``;
        ``log_determinant``: of ``I + Z Z^T``, ``Z`` the features at unit length, larger the more they differ.
    """
    probs = logits.double().softmax(dim=1)
    two = probs.topk(2, dim=1).values
    predicted = logits.argmax(dim=1)
    classes = logits.shape[1]
    z = torch.nn.functional.normalize(features.double(), dim=1)
    gram = z @ z.T if len(z) <= z.shape[1] else z.T @ z  # both have the same determinant with I added
    values = {
        "misclassified": (predicted != targets).double().mean(),
        "confidence": two[:, 0].mean(),
        "margin": (two[:, 0] - two[:, 1]).mean(),
        "predicted_entropy": class_entropy(predicted, classes),
        "true_entropy": class_entropy(targets, classes),
        "log_determinant": torch.logdet(gram + torch.eye(len(gram), dtype=gram.dtype, device=gram.device)),
    }
    return {name: round(float(value), 6) for name, value in values.items()}


def class_entropy(labels: Tensor, classes: int) -> Tensor:
    """Entropy in nats of the classes among ``n`` labels; ``log C`` where all are as frequent."""
    shares = labels.bincount(minlength=classes).double() / max(1, len(labels))
    return torch.special.entr(shares).sum()


def agreement(before: Tensor, after: Tensor) -> float:
    """Cohen's kappa of two networks' predictions: agreement beyond chance, 1 where they are the same.

    The measure of Bloodgood and Vijay-Shanker, CoNLL 2009, arXiv 1409.5165, who stop active learning when its
    mean over the last three models is above 0.99.

    Args:
        before: ``n`` class numbers.
        after: as many.
    """
    from sklearn.metrics import cohen_kappa_score

    if before.equal(after):
        return 1.0  # also of one class alone, where kappa is 0 / 0
    return round(float(cohen_kappa_score(before.cpu(), after.cpu())), 6)
