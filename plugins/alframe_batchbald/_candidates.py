"""The samples that may be chosen, and what their labels tell."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from alframe_batchbald._joint import Joint
from alframe_batchbald.sampled import KEPT, Sampled, Stream


def informed(passes: Iterator[Float[Tensor, "n c"]]) -> Float[Tensor, "n 2"]:
    """What each label alone tells about the posterior samples, and how unknown it is where these are known.

    Args:
        passes: probabilities by one posterior sample after another.

    Returns:
        ``H(mean_t p_t) - mean_t H(p_t)``, at least 0, and ``mean_t H(p_t)``; in nats, float64.
    """
    total = within = torch.zeros(())
    count = 0
    for probs in passes:
        exact = probs.double()
        total, within = total + exact, within + torch.special.entr(exact).sum(dim=1)
        count += 1
    within = within / count
    return torch.stack([(torch.special.entr(total / count).sum(dim=1) - within).clamp(min=0), within], dim=1)


class Candidates:
    """The samples that may be chosen. Of too many to be kept, those that tell most alone are.

    Args:
        stream: as `Sampled` takes it.
        allowed: which rows may be chosen.
        samples: number of posterior samples.
        most: how many numbers are kept.

    Attributes:
        information: ``N`` float64 numbers: what each label alone tells; ``-inf`` of what must not be chosen.
        within: ``N`` float64 numbers: mean entropy of the label where the posterior sample is known.
    """

    def __init__(self, stream: Stream, allowed: Bool[Tensor, " n"], samples: int, most: int = KEPT) -> None:
        self._sampled = Sampled(stream, allowed, samples, informed, most)
        information, self.within = self._sampled.found.unbind(dim=1)
        self.information = information.masked_fill(~allowed, -torch.inf)
        order = self.information.argsort(descending=True, stable=True)
        self._sampled.keep(order[: int(allowed.sum())])

    @property
    def samples(self) -> int:
        """How many posterior samples there are."""
        return self._sampled.samples

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return self._sampled.classes

    def probs(self, position: int) -> Float[Tensor, "c t"]:
        """The ``C x T`` probabilities of one row."""
        row: Tensor = self._sampled.each(_same, torch.tensor([position], device=self.within.device))[0]
        return row

    def gains(self, joint: Joint, positions: Int64[Tensor, " k"]) -> Float[Tensor, " k"]:
        """What the labels of some rows tell beyond those of a batch, float64.

        Args:
            joint: the batch.
            positions: the rows, at least one, in ascending order.
        """
        return self._sampled.each(joint.entropies, positions) - self.within[positions]


def _same(probs: Tensor) -> Tensor:
    return probs
