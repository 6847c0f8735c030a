"""Penalised logistic regression of two kinds of samples, in float64 and by blocks.

Newton's method. Of few features a step solves linear equations; of many it is found by conjugate gradients,
roughly where the optimum is far (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.1).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from alframe.ops import LazyRows, by_blocks, row_blocks

FEW = 1024  # features whose matrix of second derivatives is formed, at most 8 MB
TOLERANCE = 1e-9  # of each number of the gradient of the mean loss
NEWTON_STEPS, CONJUGATE_STEPS, HALVINGS = 100, 1000, 40
ROUNDING = 1e-15  # share of the objective
DECREASE = 1e-4  # share of the decrease that the slope promises which a step must bring


class TwoKinds:
    """Samples that are labelled, or not, whose products with weights are taken block by block.

    Their mean is taken away first: the intercept is not penalised, so nothing but digits depends on it.

    Args:
        labelled: how many of the first rows are labelled.
        parts: ``d`` columns each, one below the other ``m`` rows.
    """

    def __init__(self, labelled: int, *parts: Tensor | LazyRows) -> None:
        self._parts = parts
        count = sum(map(len, parts))
        self.unlabelled = (torch.arange(count, device=parts[0].device) >= labelled).double()
        self.mean = self._sum(lambda block, rows: block.sum(dim=0)) / count

    def log_odds(self, weights: Float[Tensor, " e"], rows: Tensor | LazyRows) -> Float[Tensor, " n"]:
        """Log odds of being unlabelled of some rows, by ``d`` weights and the intercept."""
        return by_blocks(lambda block: (block.double() - self.mean) @ weights[:-1], rows) + weights[-1]

    def own_log_odds(self, weights: Float[Tensor, " e"]) -> Float[Tensor, " m"]:
        """Log odds of these samples."""
        return torch.cat([self.log_odds(weights, part) for part in self._parts])

    def pulled_back(self, of_odds: Float[Tensor, " m"]) -> Float[Tensor, " e"]:
        """A derivative in the weights, of that in the log odds."""
        of_weights = self._sum(lambda block, rows: of_odds[rows] @ (block - self.mean))
        return torch.cat([of_weights, of_odds.sum()[None]])

    def curvature(self, of_odds: Float[Tensor, " m"]) -> Float[Tensor, "e e"]:
        """Second derivatives in the weights, of those in the log odds."""

        def products(block: Tensor, rows: slice) -> Tensor:
            x = functional.pad(block - self.mean, (0, 1), value=1.0)
            return x.T @ (of_odds[rows, None] * x)

        return self._sum(products)

    def _sum(self, function: Callable[[Tensor, slice], Tensor]) -> Tensor:
        """The sum of what a function makes of each block and of where its rows stand."""
        start, total = 0, None
        for part in self._parts:
            for block in row_blocks(len(part), part.shape[1], part.device):
                rows = slice(start + block.start, start + block.stop)
                value = function(part[block].double(), rows)
                total = value if total is None else total.add_(value)
            start += len(part)
        assert total is not None
        return total


@torch.no_grad()
def logistic(samples: TwoKinds, c: float, weights: Float[Tensor, " e"]) -> Float[Tensor, " e"]:
    """Weights that minimise ``sum_i log(1 + exp(-s_i o_i)) + |w|^2 / 2c``, as scikit-learn's do.

    Args:
        samples: ``m`` of them, of log odds ``o``, with ``s`` 1 where unlabelled and -1 where labelled.
        c: inverse of the penalty's weight.
        weights: where to start; ``d`` of the features, then the intercept, which is not penalised.
    """
    y = samples.unlabelled
    decay = torch.full_like(weights, 1 / c)
    decay[-1] = 0

    def objective(weights: Tensor, odds: Tensor) -> Tensor:
        return (functional.softplus(odds) - y * odds).sum() + (decay * weights.square()).sum() / 2

    odds = samples.own_log_odds(weights)
    value = objective(weights, odds)
    for _ in range(NEWTON_STEPS):
        probs = odds.sigmoid()
        gradient = samples.pulled_back(probs - y) + decay * weights
        if gradient.abs().amax() <= TOLERANCE * len(y):
            break
        step = _step(samples, probs * (1 - probs), decay, gradient)
        slope, change = gradient @ step, samples.own_log_odds(step)
        size = 1.0
        for _ in range(HALVINGS):
            new = weights + size * step, odds + size * change
            if objective(*new) <= value + DECREASE * size * slope + ROUNDING * value:
                break
            size /= 2
        (weights, odds), value = new, objective(*new)
        if -slope <= ROUNDING * value:  # what is left to gain is lost in rounding
            break
    return weights


def _step(
    samples: TwoKinds, bend: Float[Tensor, " m"], decay: Float[Tensor, " e"], gradient: Float[Tensor, " e"]
) -> Float[Tensor, " e"]:
    """Where Newton's method goes, given the loss's second derivatives in the log odds."""
    if len(gradient) <= FEW:
        factor, failed = torch.linalg.cholesky_ex(samples.curvature(bend) + decay.diag())
        if not failed:
            return -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
    return _by_conjugate_gradients(samples, bend, decay, gradient)


def _by_conjugate_gradients(samples: TwoKinds, bend: Tensor, decay: Tensor, gradient: Tensor) -> Tensor:
    """The same by products alone, the nearer to it the smaller the gradient."""
    step, rest = torch.zeros_like(gradient), -gradient
    along, square = rest, rest @ rest
    # the norm becomes min(0.1, norm / m) times as large, which is enough at a tenth of the tolerance
    norm = float(square.sqrt())
    enough = max(min(0.1, norm / len(bend)) * norm, TOLERANCE * len(bend) / 10) ** 2
    for _ in range(CONJUGATE_STEPS):
        product = samples.pulled_back(bend * samples.own_log_odds(along)) + decay * along
        curvature = along @ product
        if not curvature > 0:  # all predictions are sure, and the intercept is all that could move
            break
        size = square / curvature
        step, rest = step + size * along, rest - size * product
        before, square = square, rest @ rest
        if square <= enough:
            break
        along = rest + (square / before) * along
    return step if step.any() else -gradient
