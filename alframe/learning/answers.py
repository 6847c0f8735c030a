"""What somebody tells of samples: whether it can be so."""

from __future__ import annotations

import torch
from torch import Tensor

from alframe.data.dataset import UNKNOWN
from alframe.errors import UsageError


def require_answer(positions: Tensor, targets: Tensor, labelled: Tensor, num_classes: int) -> None:
    """Raises `UsageError` where labels can't be those of samples.

    Args:
        positions: of the samples in the data set, int64.
        targets: their class numbers, in the same order.
        labelled: positions of those whose labels are known already.
        num_classes: number of classes.
    """
    if len(positions) != len(targets):
        raise UsageError(f"{len(positions)} indices but {len(targets)} labels")
    if not len(positions):
        raise UsageError("no labels were given")
    values, counts = positions.unique(return_counts=True)
    if len(values) < len(positions):
        raise UsageError(f"an index is repeated: {int(values[counts.argmax()])}")
    known = torch.isin(positions, labelled)
    if known.any():
        raise UsageError(f"a sample is labelled already: {int(positions[known][0])}")
    outside = targets[(targets < 0) | (targets >= num_classes)]
    if len(outside):
        unlabelled = "; leave samples without a label out of both" if outside[0] == UNKNOWN else ""
        raise UsageError(f"labels must lie in 0..{num_classes - 1}, got {int(outside[0])}{unlabelled}")
