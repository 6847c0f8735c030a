"""The labels of a batch as one variable: their configurations, and what each says of the posterior samples.

Kirsch et al., NeurIPS 2019, arXiv 1906.08158, section 3.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alframe.ops import kmeans, rows_per_block

AT_ONCE = 1 << 19  # numbers of the products of a block on the CPU: two such blocks stay in its cache
TINY = torch.finfo(torch.float32).tiny
GROUPS = 256  # of configurations whose posteriors are alike, for bounds


class Joint:
    """The joint distribution of the labels of the samples chosen so far, under ``T`` posterior samples.

    A configuration is a label for each of them. It is kept as its weight and as the posterior over the ``T``
    samples given these labels, ``p(t | y_S)``: with it the information that a further sample brings is
    ``sum_m w_m H(y_i | y_S = m) - mean_t H(y_i | t)``, which is ``a(S + i) - a(S)``.

    Args:
        samples: number of posterior samples, ``T``.
        most: how many configurations are enumerated; when there would be more, as many are drawn, once, and
            then extended: those of different picks are comparable.
        generator: CPU generator of the draws.
        device: where the configurations are.

    Attributes:
        posterior: ``J x T`` float64, rows that sum to 1.
        weights: ``J`` float64: the configurations' probabilities, or ``1 / J`` of drawn ones.
        drawn: ``J`` numbers of the posterior samples that drew them, or None while all are enumerated.
    """

    def __init__(self, samples: int, most: int, generator: torch.Generator, device: torch.device) -> None:
        self.posterior = torch.full((1, samples), 1 / samples, dtype=torch.float64, device=device)
        self.weights = torch.ones(1, dtype=torch.float64, device=device)
        self.drawn: Int64[Tensor, " j"] | None = None
        self._most = most
        self._generator = generator
        self._chosen: list[Tensor] = []

    def add(self, probs: Float[Tensor, "c t"]) -> None:
        """Makes the label of one more sample part of the configurations.

        Args:
            probs: its ``C x T`` probabilities.
        """
        probs = probs.double()
        probs = probs / probs.sum(dim=0)
        self._chosen.append(probs)
        if self.drawn is None:
            if len(self.weights) * len(probs) <= self._most:
                self._enumerate(probs)
                return
            self._start_drawing(probs.shape[1])
            return
        self._extend(probs)

    def _enumerate(self, probs: Float[Tensor, "c t"]) -> None:
        """Every configuration with every label; those that can't be are left out."""
        joint = (self.posterior[:, None, :] * probs).flatten(0, 1)
        within = joint.sum(dim=1)
        weights = self.weights.repeat_interleave(len(probs)) * within
        possible = weights > 0
        self.posterior = joint[possible] / within[possible, None]
        self.weights = weights[possible] / weights.sum()

    def _start_drawing(self, samples: int) -> None:
        each = max(1, self._most // samples)
        device = self.posterior.device
        self.drawn = torch.arange(samples, device=device).repeat_interleave(each)
        self.weights = torch.full_like(self.drawn, 1, dtype=torch.float64) / len(self.drawn)
        self.posterior = torch.full(
            (len(self.drawn), samples), 1 / samples, dtype=torch.float64, device=device
        )
        for probs in self._chosen:
            self._extend(probs)

    def _extend(self, probs: Float[Tensor, "c t"]) -> None:
        """Each configuration with a label that its own posterior sample draws."""
        assert self.drawn is not None
        labels = drawn_labels(probs.T, self.drawn, self._generator)
        joint = self.posterior * probs[labels]
        self.posterior = joint / joint.sum(dim=1, keepdim=True)

    def coarse(self) -> Joint | None:
        """Fewer configurations, each of which stands for a group of these; None where there are few.

        As entropy is concave, their `entropies` are at least as large: bounds, for a fraction of the work.
        """
        if len(self.weights) < 4 * GROUPS:
            return None
        alike = kmeans(self.posterior.float(), GROUPS, torch.Generator().manual_seed(0), max_iterations=10)
        labels, found = alike.labels, copy.copy(self)
        weights = self.weights.new_zeros(GROUPS).index_add_(0, labels, self.weights)
        posterior = self.posterior.new_zeros(GROUPS, self.posterior.shape[1])
        posterior.index_add_(0, labels, self.weights[:, None] * self.posterior)
        found.posterior, found.weights = posterior / weights[:, None], weights
        return found

    def entropies(self, probs: Float[Tensor, "b c t"]) -> Float[Tensor, " b"]:
        """``sum_m w_m H(y_i | y_S = m)``: what is not known of further samples' labels when the batch's are.

        Products are made in the precision of ``probs``, sums of blocks are float64. No more than a block of
        the ``b C x J`` probabilities is there at a time.

        Args:
            probs: probabilities of ``b`` samples.
        """
        rows, classes, samples = probs.shape
        flat = probs.reshape(rows * classes, samples)
        posterior, weights = self.posterior.to(probs.dtype), self.weights.to(probs.dtype)
        found = torch.zeros(rows * classes, dtype=torch.float64, device=probs.device)
        width = min(len(weights), 4096)
        size = rows_per_block(width, probs.device, AT_ONCE)
        for start in range(0, len(flat), size):
            part = flat[start : start + size]
            for first in range(0, len(weights), width):
                products = part @ posterior[first : first + width].T
                products.clamp_(min=TINY)  # 0 log 0 = 0
                logs = products.log()
                found[start : start + size] -= logs.mul_(products) @ weights[first : first + width]
        return found.view(rows, classes).sum(dim=1)


def drawn_labels(
    probs: Float[Tensor, "t c"], which: Int64[Tensor, " j"], generator: torch.Generator
) -> Int64[Tensor, " j"]:
    """Draws a label for each configuration by the probabilities of one of the posterior samples.

    Args:
        probs: one sample's probabilities.
        which: ``j`` numbers of the posterior samples.
        generator: CPU generator.

    Returns:
        ``j`` classes, none of probability 0.
    """
    uniform = torch.rand(len(which), generator=generator, dtype=torch.float64).to(probs.device)
    ends = probs.cumsum(dim=1)
    ends = ends / ends[:, -1:]
    labels = torch.searchsorted(ends[which], uniform[:, None], right=True)[:, 0]
    return labels.clamp(max=probs.shape[1] - 1)
