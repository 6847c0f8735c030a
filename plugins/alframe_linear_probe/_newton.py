"""Multinomial logistic regression by Newton's method, several at once.

Each step is found by conjugate gradients, and never exactly: far from the optimum a rough direction does as
well (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.1). The Hessian is not formed: to
multiply by it takes two products with the samples. Every regression has its own steps and its own end.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

GRADIENT_TOLERANCE = 1e-6
CONJUGATE_STEPS = 250  # for one step of Newton's method, at most
HALVINGS = 30  # of a step that does not make the objective smaller
DECREASE = 1e-4  # share of the decrease that the slope promises which a step must bring


@dataclasses.dataclass(frozen=True, eq=False)
class Regressions:
    """``T`` problems: of each the mean cross-entropy plus a penalty is to become as small as it can.

    Attributes:
        x: ``T x L x E`` samples; where one has fewer than ``L``, the last are of no weight.
        y: ``T x L`` class numbers.
        share: ``T x 1 x L`` weights of the samples, of sum 1.
        decay: ``T x 1 x E``: the penalty is half of these times the squared weights.
        free: ``E`` ones, or zeros where the weights stay as they are.
    """

    x: Float[Tensor, "T L E"]
    y: Int[Tensor, "T L"]
    share: Float[Tensor, "T 1 L"]
    decay: Float[Tensor, "T 1 E"]
    free: Float[Tensor, " E"]

    def logits(self, w: Float[Tensor, "T C E"]) -> Float[Tensor, "T C L"]:
        """What weights make of the samples."""
        return torch.bmm(w, self.x.mT)

    def losses(self, z: Float[Tensor, "T C L"]) -> Float[Tensor, " T"]:
        """Mean cross-entropies."""
        return (functional.cross_entropy(z, self.y, reduction="none") * self.share[:, 0]).sum(dim=1)

    def objective(self, w: Float[Tensor, "T C E"], z: Float[Tensor, "T C L"]) -> Float[Tensor, " T"]:
        """What becomes smaller."""
        return self.losses(z) + (self.decay * w.square()).sum(dim=(1, 2)) / 2

    def pulled_back(
        self, of_logits: Float[Tensor, "T C L"], w: Float[Tensor, "T C E"]
    ) -> Float[Tensor, "T C E"]:
        """A derivative in the weights, of that in the logits and of what the penalty's is taken at."""
        return (torch.bmm(of_logits * self.share, self.x) + self.decay * w) * self.free


@torch.no_grad()
def minimise(
    problem: Regressions, w: Float[Tensor, "T C E"], iterations: int
) -> tuple[Float[Tensor, "T C E"], Int[Tensor, " T"]]:
    """Weights where no number of the gradient is larger than 1e-6, or no step makes the objective smaller.

    Args:
        problem: ``T`` regressions.
        w: where to start.
        iterations: most steps.

    Returns:
        The weights, and how many steps each took.
    """
    small = 4 * torch.finfo(w.dtype).eps
    z = problem.logits(w)
    value = problem.objective(w, z)
    steps = torch.zeros(len(w), dtype=torch.int64, device=w.device)
    going = torch.ones(len(w), dtype=torch.bool, device=w.device)
    for _ in range(iterations):
        probs = z.softmax(dim=1)
        residual = probs.scatter_add(1, problem.y[:, None], -torch.ones_like(probs[:, :1]))
        gradient = problem.pulled_back(residual, w)
        going = going & (gradient.abs().amax(dim=(1, 2)) > GRADIENT_TOLERANCE)
        if not going.any():
            break
        direction = _direction(problem, probs, gradient, going)
        slope = _dot(gradient, direction).flatten()
        change = problem.logits(direction)
        size = torch.ones_like(value)
        for _ in range(HALVINGS):
            scale = size[:, None, None]
            new = problem.objective(w + scale * direction, z + scale * change)
            short = going & ~(new <= value + DECREASE * size * slope + small * value)
            if not short.any():
                break
            size = torch.where(short, size / 2, size)
        going = going & ~short
        scale, moves = size[:, None, None], going[:, None, None]
        w, z = torch.where(moves, w + scale * direction, w), torch.where(moves, z + scale * change, z)
        value = torch.where(going, new, value)
        steps += going
        going = going & (-slope > small * value)  # what is left to gain is lost in rounding
    return w, steps


def _direction(
    problem: Regressions,
    probs: Float[Tensor, "T C L"],
    gradient: Float[Tensor, "T C E"],
    going: Tensor,
) -> Float[Tensor, "T C E"]:
    """Where Newton's method would go, the nearer to it the smaller the gradient: conjugate gradients."""
    direction = torch.zeros_like(gradient)
    rest = -gradient
    along = rest
    square = _dot(rest, rest)
    # the norm becomes min(0.3, sqrt(norm)) times as large, which is enough at half the tolerance
    enough = (square * square.sqrt().clamp(max=0.09)).clamp(min=(GRADIENT_TOLERANCE / 2) ** 2)
    going = going[:, None, None]
    for step in range(CONJUGATE_STEPS):
        of_logits = probs * problem.logits(along)
        of_logits = of_logits - probs * of_logits.sum(dim=1, keepdim=True)
        product = problem.pulled_back(of_logits, along)
        curvature = _dot(along, product)
        going = going & (curvature > 0)  # it is, but for rounding
        size = torch.where(going, square / curvature, 0)
        direction = direction + size * along
        rest = rest - size * product
        last, square = square, _dot(rest, rest)
        going = going & (square > enough)
        # a GPU is asked only now and then: it would have to wait
        if (step % 8 == 7 or not going.is_cuda) and not going.any():
            break
        along = rest + (square / last) * along
    return direction


def _dot(a: Float[Tensor, "T C E"], b: Float[Tensor, "T C E"]) -> Float[Tensor, "T 1 1"]:
    return (a * b).sum(dim=(1, 2), keepdim=True)
