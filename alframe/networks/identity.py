"""What identifies a network's initial weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from alframe.networks.classifier import Classifier
from alframe.ops.digest import digest_of

BLOCK = 1 << 20  # weights that are summed at a time
TOLERANCE = 1e-5  # of a tensor's norm; float32 rounds at 1e-7, and another file's weights differ by far more


def identify(model: Classifier) -> dict[str, str]:
    """``initial``, a hash of all weights and buffers, and ``sketch``, two sums of each tensor.

    Two networks of one sketch and another hash differ by rounding alone, as those do that two kinds of
    processors draw from one seed.

    Args:
        model: as it was built.
    """
    tensors = list(model.state_dict().values())
    sums = " ".join(f"{value:.9g}" for tensor in tensors for value in _sums(tensor))
    return {"initial": digest_of(tensors)[:32], "sketch": sums}


def differ_by_rounding(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sketches are so close.

    Args:
        one: what `identify` found; also if it comes from a file that anybody may have edited.
        other: the same of another network.
    """
    try:
        first, second = (
            [float(text) for text in sketch.get("sketch", "").split()] for sketch in (one, other)
        )
    except ValueError:
        return False
    if len(first) != len(second):
        return False
    norms = [max(a, b) for a, b in zip(first[::2], second[::2], strict=True) for _ in range(2)]
    return all(
        abs(a - b) <= TOLERANCE * norm for a, b, norm in zip(first, second, norms, strict=True)
    )  # NaN is not close to anything


def _sums(tensor: Tensor) -> tuple[float, float]:
    """The norm, and a sum with weights: another order of the same values shows in it."""
    flat = tensor.detach().reshape(-1)
    weights = torch.arange(min(len(flat), BLOCK), dtype=torch.float64).cos()
    squares = turned = 0.0
    for block in flat.split(BLOCK):
        values = block.cpu().double()
        squares += float(values @ values)
        turned += float(values @ weights[: len(values)])
    return math.sqrt(squares), turned
