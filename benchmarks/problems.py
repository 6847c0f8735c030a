"""Features around one direction a class, a head that is neither sure of itself nor blind, and labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

DATA = ("dead", "low-rank")
FACTORS, LEVEL = 8, 4.0  # of low-rank data: how many, and the mean feature, in standard deviations
CONFIDENCE = 0.6  # median probability of the predicted class


class Scale(NamedTuple):
    """Sizes of a problem: ``N`` unlabelled, ``D`` features, ``C`` classes, ``L`` labelled, budget ``n``."""

    N: int
    D: int
    C: int
    L: int
    n: int


def make_problem(scale: Scale, data: str = "dead", device: str = "cpu") -> dict[str, Any]:
    """Features, labelled set and head, as tensors on a device, drawn there.

    Args:
        scale: sizes.
        data: one of `DATA`.
        device: where.
    """
    import torch

    g = torch.Generator(device).manual_seed(0)
    low_rank = data == "low-rank"

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, device=device)

    centres = normal(scale.C, FACTORS if low_rank else scale.D)
    mixing = normal(FACTORS, scale.D) / FACTORS**0.5 if low_rank else None

    def draw(y: torch.Tensor) -> torch.Tensor:
        if mixing is not None:
            level = torch.full((scale.D,), LEVEL, device=device)
            return torch.addmm(level, normal(len(y), FACTORS).add_(centres[y]), mixing).relu_()
        features = normal(len(y), scale.D)
        for rows in torch.arange(len(y), device=device).split(1 << 16):  # without a second array of all
            features[rows] += centres[y[rows]]
        return features.relu_()

    targets = torch.arange(scale.L, device=device) % scale.C
    features = draw(torch.randint(scale.C, (scale.N,), generator=g, device=device))
    means = centres if mixing is None else centres @ mixing
    weights = means + 2.5 * normal(scale.C, scale.D)
    logits = features[:5_000] @ weights.T
    offset = logits.mean(dim=0) if low_rank else torch.zeros_like(logits[0])  # so that no class is far ahead
    logits -= offset
    low, high = 0.0, 1.0
    for _ in range(20):  # the factor at which half of the predictions are surer than 0.6
        factor = (low + high) / 2
        sure = (factor * logits).softmax(dim=1).amax(dim=1).median() > CONFIDENCE
        low, high = (low, factor) if sure else (factor, high)
    return {
        "features": features,
        "labelled_features": draw(targets),
        "labelled_targets": targets,
        "head": (factor * weights, -factor * offset),
    }


class Size(click.ParamType):
    """``NAME=VALUE``, a size of a problem."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Name and number."""
        name, _, number = str(value).partition("=")
        if name not in Scale._fields or not number.isdecimal():
            self.fail(f"expected one of {', '.join(Scale._fields)} and a number, as N=160000, got {value!r}")
        return name, int(number)
