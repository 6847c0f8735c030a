"""The head of a query: what users have for one, made a module that every strategy can use.

A head with one output, as scikit-learn's of two classes, gives the logit ``z`` of the second class. It
becomes a head of two, ``(-z/2, z/2)``: its softmax is ``(1 - sigmoid(z), sigmoid(z))``, and neither class is
preferred, as in softmax regression with a penalty on the weights. Probabilities, margins, gradients of the
loss in the features and differences of logits are those of ``(0, z)`` too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from alframe.errors import UsageError, one_line
from alframe.learning.inputs import as_float32, as_tensor, largest
from alframe.networks.classifier import private_copy
from alframe.ops.blocks import by_blocks

PROBED = 5  # rows that show what a module does
WANTED = (
    "head must be (W, b), with b None if there is none, a torch module, or a fitted classifier with "
    "predict_proba"
)
LARGEST = torch.finfo(torch.float32).max


class Given(nn.Linear):
    """A linear layer of weights that there are: none is drawn, so no random state is touched.

    Args:
        weight: ``C x D`` tensor.
        bias: ``C`` numbers, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        nn.Module.__init__(self)  # the layer's own would make weights first
        self.out_features, self.in_features = weight.shape
        # a module's assignment looks for what has the name already, which takes longer than all the rest
        self._parameters["weight"] = nn.Parameter(weight)
        self._parameters["bias"] = None if bias is None else nn.Parameter(bias)


class OfOneLogit(nn.Module):
    """Two logits of a module's one, ``(-z/2, z/2)``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """``n x 2`` logits."""
        half: Tensor = self.module(x).reshape(len(x), 1) / 2
        return torch.cat([-half, half], dim=1)


class Checked(nn.Module):
    """A module of the user's, who is told what it lacks when a strategy asks for it.

    Args:
        module: gives logits.
        has_gradient: whether they have a gradient in the features.
    """

    def __init__(self, module: nn.Module, has_gradient: bool) -> None:
        super().__init__()
        self.module = module
        self.has_gradient = has_gradient

    def forward(self, x: Tensor) -> Tensor:
        """Float32 logits, all of them finite."""
        if not self.has_gradient and torch.is_grad_enabled() and x.requires_grad:
            raise UsageError(
                "this strategy needs the gradient of the head's logits in the features, and this head has "
                "none: it leaves torch, or detaches what it computes"
            )
        logits: Tensor = self.module(x).float()
        try:
            wrong = int((~torch.isfinite(logits).all(dim=1)).sum())
        except RuntimeError:  # inside torch.vmap nothing can be looked at
            return logits
        if wrong:
            raise UsageError(_not_finite(wrong, len(logits)))
        return logits


class Unusable(nn.Module):
    """A head that gives no logits. Who calls it learns why; who looks at features alone needs it not."""

    def __init__(self, classes: int, why: str) -> None:
        super().__init__()
        self.classes = classes
        self.why = why

    def forward(self, x: Tensor) -> Tensor:
        """Raises `UsageError`."""
        raise UsageError(self.why)


def as_head(head: Any, features: Any, most: float) -> nn.Module | None:
    """The head in float32 on the features' device, in evaluation mode; what the caller gave is left as it is.

    Args:
        head: ``(W, b)``, a module, or None.
        features: ``n x D`` features, at least one row: a tensor, or rows in files.
        most: largest magnitude of a feature, those of the labelled set too.

    Raises:
        UsageError: it is no head for these features.
    """
    if head is None:
        return None
    if isinstance(head, nn.Module):
        return _of_module(head, features, most)
    if isinstance(head, tuple | list) and len(head) == 2:
        weight, bias = head
        return _linear(weight, bias, features, most)
    raise UsageError(f"{WANTED}; got {type(head).__name__}")


def of_weights(weight: Any, bias: Any, device: torch.device) -> nn.Module:
    """The head of weights whose features are not made yet.

    Args:
        weight: ``C x D`` or ``1 x D``.
        bias: as many, or None.
        device: where it is wanted.

    Raises:
        UsageError: they are no weights in float32.
    """
    return _linear(weight, bias, torch.empty(0, np.shape(weight)[1], device=device), 0.0)


def classes_of(head: nn.Module, features: Tensor) -> int:
    """How many logits a head gives."""
    if isinstance(head, nn.Linear):
        return head.out_features
    if isinstance(head, Unusable):
        return head.classes
    with torch.no_grad():
        return int(head(features[:1]).shape[1])


def _linear(weight: Any, bias: Any, features: Tensor, most: float) -> nn.Module:
    W = as_tensor(weight, "the head's weights")
    if W.ndim == 1:
        W = W[None]
    columns = features.shape[1]
    if W.ndim != 2 or not len(W):
        raise UsageError(f"the head's weights must be a matrix, one row a class, got shape {list(W.shape)}")
    if W.shape[1] != columns:
        transposed = f"; W.T takes {columns}" if len(W) == columns else ""
        raise UsageError(f"features have {columns} columns, the head takes {W.shape[1]}{transposed}")
    W = as_float32(W, features.device)
    weights = largest(W, "the head's weights")
    b, biases = None, 0.0
    if bias is not None:
        b = as_float32(as_tensor(bias, "the head's bias").reshape(-1), features.device)
        if len(b) != len(W):
            raise UsageError(
                f"the head's bias must have {len(W)} numbers, as its weights have rows, got {len(b)}"
            )
        biases = largest(b, "the head's biases")
    if len(W) == 1:
        W, b = torch.cat([-W / 2, W / 2]), None if b is None else torch.cat([-b / 2, b / 2])
    head = Given(W, b)
    if why := _beyond_range(head, features, weights, biases, most):
        return Unusable(len(W), why)
    return head


def _beyond_range(head: Given, features: Tensor, weights: float, biases: float, most: float) -> str:
    """Why a head's logits, or squares of its weights, are beyond float32's range; "" where they are not."""
    if columns := head.in_features:
        if weights > math.sqrt(LARGEST / columns):
            return (
                f"the head's weights are as large as {weights:g}, their squares beyond float32's range: "
                "has its training diverged?"
            )
        if columns * weights * most + biases < LARGEST / 2:  # so no sum on the way can overflow
            return ""
    with torch.no_grad():
        is_finite = by_blocks(
            lambda block: head(block).isfinite().all(dim=1), features, width=head.out_features
        )
    wrong = int((~is_finite).sum())
    return _not_finite(wrong, len(features)) if wrong else ""


def _not_finite(wrong: int, rows: int) -> str:
    return (
        f"the head's logits are not finite for {wrong} of {rows} rows: has its training diverged, or are the "
        "features on another scale?"
    )


def _of_module(given: nn.Module, features: Tensor, most: float) -> nn.Module:
    takes = given.in_features if isinstance(given, nn.Linear) else features.shape[1]
    if takes != features.shape[1]:
        raise UsageError(f"features have {features.shape[1]} columns, the head takes {takes}")
    if type(given) is nn.Linear and not (
        given._forward_hooks or given._forward_pre_hooks or "forward" in vars(given)
    ):
        return _linear(given.weight, given.bias, features, most)  # nothing to find out
    few = features[torch.arange(PROBED, device=features.device) % len(features)]
    head = private_copy(given).eval()
    try:
        if any(part.device != features.device for part in (*head.parameters(), *head.buffers())):
            head = head.to(features.device)
    except NotImplementedError as error:  # weights on the device 'meta'
        raise UsageError(f"the head can't be moved to {features.device}: {one_line(error)}") from error
    for name, value in head.named_parameters():
        largest(value.detach(), f"the head's numbers {name!r}")
    try:
        logits, has_gradient = _probe(head, few)
    except UsageError:
        head = head.float()  # a module in double or half precision
        logits, has_gradient = _probe(head, few)
    if isinstance(head, nn.Linear):
        if logits.equal(linear(few, head.weight, head.bias).detach()):
            return _linear(head.weight, head.bias, features, most)
        head = nn.Sequential(head)  # a layer that does more than its weights say, as by a hook
    if not logits.isfinite().all():
        wrong = int((~logits.isfinite().reshape(PROBED, -1).all(dim=1)).sum())
        return Unusable(max(2, logits.numel() // PROBED), _not_finite(wrong, PROBED))
    if logits.numel() == PROBED:
        head = OfOneLogit(head)
    return Checked(head, has_gradient).eval()


def _probe(head: nn.Module, few: Tensor) -> tuple[Tensor, bool]:
    """Logits of a few rows, and whether they have a gradient in them."""
    try:
        with torch.enable_grad():
            logits = head(few.clone().requires_grad_())
    except (Exception, SystemExit):
        try:  # it may be that it can't work with a gradient
            with torch.no_grad():
                logits = head(few)
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"the head can't take features, here a float32 tensor of shape {list(few.shape)}: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise UsageError(f"the head must return a tensor of logits, got {_kind(logits)}")
    if logits.shape != (PROBED,) and (logits.ndim != 2 or len(logits) != PROBED or not logits.shape[1]):
        raise UsageError(
            "the head must return one row of logits for each row of features, "
            f"got shape {list(logits.shape)} of {PROBED} rows"
        )
    return logits.detach(), logits.requires_grad


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
