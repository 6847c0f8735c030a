"""The nearest boundary of a network of one rectified layer, without the gradients of farther classes.

The gradient of the gap to a class is ``W^T (a * (v_y - v_c))``: ``W`` the first layer's weights, ``a`` which
of its units are above 0, ``v_c`` the head's row of a class. It is at most ``s |a * (v_y - v_c)|`` long, ``s``
the largest singular value of ``W``: all of these take a product with the head, a gradient one with ``W``.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from alframe import Classifier

SLACK = 1e-3  # relative, for the rounding of a length and of its bound


class Step(NamedTuple):
    """The step of each of ``b`` samples to the nearest linearised boundary.

    Attributes:
        move: ``b x ...`` tensor; 0 where there is nowhere to go.
        at_boundary: who stands on a boundary already.
        no_gradient: who has no gradient to any.
    """

    move: Float[Tensor, "b ..."]
    at_boundary: Bool[Tensor, " b"]
    no_gradient: Bool[Tensor, " b"]


class Perceptron:
    """A linear layer, ReLU, and a linear head.

    Args:
        first: the layer, of ``h x d`` weights.
        head: of ``c x h`` weights.
    """

    def __init__(self, first: nn.Linear, head: nn.Linear) -> None:
        self._first, self._head = first, head
        self._largest = torch.linalg.matrix_norm(first.weight.detach(), 2)

    @classmethod
    def of(cls, model: object) -> Self | None:
        """The network as such a one; None where it is another."""
        if type(model) is not Classifier or type(model.body) is not nn.Sequential:
            return None
        layers = [*model.body, model.head]
        if [type(layer) for layer in layers] != [nn.Linear, nn.ReLU, nn.Linear]:
            return None
        return cls(layers[0], layers[2])

    def __call__(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b c"]:
        """Logits."""
        logits: Tensor = self._head(self._first(x).relu())
        return logits

    @torch.no_grad()
    def step(
        self, point: Float[Tensor, "b d"], label: Int64[Tensor, "b 1"], others: Int64[Tensor, "b k"]
    ) -> Step:
        """The step of each sample; the gradients of a class that can't be nearest are not made.

        Args:
            point: ``b`` samples.
            label: their classes.
            others: the classes looked at.
        """
        hidden = self._first(point)
        on = (hidden > 0).to(hidden.dtype)
        logits = self._head(hidden.relu_())
        gaps = logits.gather(1, label) - logits.gather(1, others)
        least = gaps / self._longest(on, label).gather(1, others)
        distance, rows = torch.full_like(gaps, torch.inf), torch.arange(len(gaps), device=gaps.device)
        likely = least.nan_to_num(torch.inf).argmin(dim=1)
        gradients = self._gradients(on, label[:, 0], others[rows, likely])
        norms = gradients.norm(dim=1)
        best = gaps[rows, likely] / norms
        distance[rows, likely] = torch.where(norms > 0, best, torch.inf)
        near = ~(least > distance[rows, likely][:, None])  # also where a length is 0 / 0
        near[rows, likely] = False
        who, which = near.nonzero(as_tuple=True)
        more = self._gradients(on[who], label[who, 0], others[who, which])
        lengths = more.norm(dim=1)
        distance[who, which] = torch.where(lengths > 0, gaps[who, which] / lengths, torch.inf)
        nearest = distance.argmin(dim=1)
        better = which == nearest[who]
        gradients[who[better]], norms[who[better]] = more[better], lengths[better]
        at_boundary = (gaps == 0).any(dim=1)
        no_gradient = distance.isinf().all(dim=1) & ~at_boundary
        length = (distance[rows, nearest] / norms).masked_fill(at_boundary | no_gradient, 0)
        return Step(gradients.mul_(-length[:, None]), at_boundary, no_gradient)

    def _gradients(self, on: Tensor, label: Tensor, other: Tensor) -> Tensor:
        """Gradients of the gap between two classes of each sample: ``b x d``."""
        weight = self._head.weight
        return (weight[label] - weight[other]).mul_(on) @ self._first.weight

    def _longest(self, on: Tensor, label: Tensor) -> Float[Tensor, "b c"]:
        """No gradient of the gap to a class is longer than this, whatever was rounded."""
        weight = self._head.weight
        own = weight[label[:, 0]] * on
        squares = on @ weight.T.square()
        own_square = own.square().sum(dim=1, keepdim=True)
        parts = own_square + squares
        bound = (parts - 2 * (own @ weight.T)).clamp_(min=0) + SLACK**2 * parts
        return bound.sqrt_().mul_((1 + SLACK) * self._largest)
