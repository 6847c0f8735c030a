"""The temperature at which a head is as sure as it is right, from labels that it was not fitted on.

Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599; chosen as by Bae et al.,
ICLR 2025, arXiv 2412.20644.
"""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe.ops import calibration_error

HELD_OUT = 0.3  # share of the labels
TEMPERATURES = [number / 10 for number in range(10, 200)]  # 1.0, 1.1, .., 19.9


def holdout_temperature(
    features: Float[Tensor, "n d"], targets: Int64[Tensor, " n"], num_classes: int, generator: torch.Generator
) -> float:
    """The temperature of least calibration error on 30 % of the labels, of a head fitted on the rest.

    Args:
        features: ``n x d`` tensor of labelled features.
        targets: their labels.
        num_classes: number of classes, which is that of the error's bins.
        generator: CPU generator of the split.

    Returns:
        A temperature between 1.0 and 19.9; 1.0 where nothing can be fitted or held out.
    """
    features, targets = features.double().cpu(), targets.cpu()
    held = held_out(targets, generator)
    fitted = ~held
    if not held.any() or len(targets[fitted].unique()) < 2:
        return 1.0
    logits, classes = refitted_logits(features[fitted], targets[fitted], features[held])
    if not logits.isfinite().all():
        return 1.0
    right = classes[logits.argmax(dim=1)] == targets[held]
    return best_temperature(logits, right, max(2, num_classes))


def held_out(targets: Int64[Tensor, " n"], generator: torch.Generator) -> Bool[Tensor, " n"]:
    """Which samples are held out: about 30 % of each class, never all of it.

    A class of which nothing is left could not be predicted, and would be taken for overconfidence.

    Args:
        targets: labels.
        generator: CPU generator.
    """
    order = torch.randperm(len(targets), generator=generator)
    by_class = order[targets[order].argsort(stable=True)]
    counts = targets.bincount()
    rank = torch.arange(len(targets)) - (counts.cumsum(0) - counts)[targets[by_class]]
    enough = torch.minimum((counts * HELD_OUT).round().long(), counts - 1)
    held = torch.zeros(len(targets), dtype=torch.bool)
    held[by_class] = rank < enough[targets[by_class]]
    return held


def refitted_logits(
    features: Float[Tensor, "n d"], targets: Int64[Tensor, " n"], others: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "m c"], Int64[Tensor, " c"]]:
    """Logits of other features by a logistic regression, and the classes that its columns stand for.

    Args:
        features: what it is fitted on, of at least two classes.
        targets: its labels.
        others: features to predict.
    """
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # near enough to the optimum will do
        model = LogisticRegression(max_iter=1000).fit(features.numpy(), targets.numpy())
        logits = torch.from_numpy(model.decision_function(others.numpy()))
    if logits.ndim == 1:  # of the second of two classes
        logits = torch.stack([torch.zeros_like(logits), logits], dim=1)
    return logits, torch.from_numpy(model.classes_)


def best_temperature(logits: Float[Tensor, "n c"], right: Bool[Tensor, " n"], bins: int) -> float:
    """The temperature of least expected calibration error; the first of equals.

    Args:
        logits: ``n x c`` tensor.
        right: whether each largest logit is that of the label, whichever the temperature.
        bins: of confidence, of equal width.
    """
    errors = [
        calibration_error((logits / temperature).softmax(dim=1).amax(dim=1), right, bins)
        for temperature in TEMPERATURES
    ]
    return TEMPERATURES[errors.index(min(errors))]
