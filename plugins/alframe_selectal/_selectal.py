"""How much a linear model loses without some of the labels, and what that says.

Hacohen and Weinshall, NeurIPS 2023, arXiv 2306.03543, algorithm 1; how many are left out and held out is a
re-implementation's.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe_selectal._removals import left_out_at_random, left_out_by_typicality, share_of_classes

if TYPE_CHECKING:
    from alframe import Context
    from alframe_selectal import Options


def accuracies_without(
    features: Float[Tensor, "n d"], targets: Int64[Tensor, " n"], options: Options, ctx: Context
) -> dict[str, float]:
    """Accuracy on held-out labels of models that were fitted without some of the others.

    What is held out is drawn first, and is the same for the three: their accuracies are of the same samples.

    Args:
        features: ``n x d`` tensor of labelled features.
        targets: their labels.
        options: of the strategy.
        ctx: draws what is held out.

    Returns:
        By what was left out, ``"typical"``, ``"any"`` or ``"untypical"``; NaN where there are too few labels
        to fit or to hold out any.
    """
    features, targets = features.double().cpu(), targets.cpu()
    draws, right = ctx.generator, dict.fromkeys(("typical", "any", "untypical"), 0)
    count = max(1, round(options.held_out * len(targets)))
    if len(targets) <= count:
        return dict.fromkeys(right, float("nan"))
    for repeat in range(options.repeats):
        held = torch.zeros(len(targets), dtype=torch.bool)
        held[torch.randperm(len(targets), generator=draws)[:count]] = True
        rest = (~held).nonzero()[:, 0]
        of_class = share_of_classes(targets[rest], options.epsilon, ctx.num_classes)

        typical, untypical = left_out_by_typicality(features[rest], targets[rest], of_class, draws)
        right["typical"] += number_right(features, targets, rest[~typical], held)
        right["untypical"] += number_right(features, targets, rest[~untypical], held)
        for _ in range(options.draws):
            drawn = left_out_at_random(targets[rest], of_class, draws)
            right["any"] += number_right(features, targets, rest[~drawn], held)
        ctx.progress(repeat + 1, options.repeats)
    of = dict.fromkeys(right, options.repeats * count)
    of["any"] *= options.draws
    return {name: number / of[name] for name, number in right.items()}  # equal shares are equal floats


def number_right(
    features: Float[Tensor, "n d"],
    targets: Int64[Tensor, " n"],
    kept: Int64[Tensor, " k"],
    held: Bool[Tensor, " n"],
) -> int:
    """How many of some samples a model is right about that is fitted to others.

    Args:
        features: ``n x d`` tensor.
        targets: their labels.
        kept: positions of what it is fitted to.
        held: which samples are predicted.
    """
    found = predicted(features[kept], targets[kept], features[held])
    return int((found == targets[held]).sum())


def predicted(
    features: Float[Tensor, "n d"], targets: Int64[Tensor, " n"], others: Float[Tensor, "m d"]
) -> Int64[Tensor, " m"]:
    """Classes of other features by a logistic regression; the one class there is, or -1 where there is none.

    Args:
        features: what it is fitted on.
        targets: its labels.
        others: features to predict.
    """
    from sklearn.linear_model import LogisticRegression

    if len(targets.unique()) < 2:
        return torch.full((len(others),), int(targets[0]) if len(targets) else -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # near enough to the optimum will do
        model = LogisticRegression(max_iter=1000).fit(features.numpy(), targets.numpy())
    return torch.from_numpy(model.predict(others.numpy()))


def family_of(accuracies: Mapping[str, float]) -> str:
    """Which family of strategies the labels speak for: that whose samples the model misses most.

    Of equal accuracies, and where there are none, the first of low, neither and high: noise of few labels
    should not be taken for many.

    Args:
        accuracies: as `accuracies_without` has them.

    Example:
        >>> family_of({"typical": 0.9, "any": 0.8, "untypical": 0.7})
        'high'
    """
    families = {"low": "typical", "neither": "any", "high": "untypical"}
    return min(families, key=lambda family: accuracies[families[family]])
