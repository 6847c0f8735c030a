"""Expected information that a label has about predictions on other samples.

Bickford Smith et al., AISTATS 2023, arXiv 2304.08151, equation 5, estimated as in the authors' program.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from alframe_batchbald.sampled import KEPT, Passes, Sampled, Stream, mixed_entropies


@torch.no_grad()
def predictive_information(
    stream: Stream,
    rows: int,
    samples: int,
    targets: int,
    shares: Sequence[float],
    generator: torch.Generator,
    device: torch.device,
    most: int = KEPT,
) -> Float[Tensor, " n"]:
    """``mean_* I(y; y_*)`` for each row of a pool, with targets ``*`` drawn from it.

    Targets are drawn by what posterior samples say of the rows, not by where these stand.

    Args:
        stream: maps a function of a block's passes to what it makes of all rows: one pass over the pool.
        rows: how many there are.
        samples: number of posterior samples.
        targets: how many are drawn, if there are as many.
        shares: of the classes among what will be predicted; empty where they are those of the pool.
        generator: CPU generator.
        device: where the probabilities are.
        most: how many of the probabilities are kept.
    """
    every = torch.arange(rows, device=device)
    seed = int(torch.randint(1 << 62, (), generator=generator))
    drawn = torch.randperm(rows, generator=generator)[:targets].to(device)
    pool = Sampled(stream, torch.ones_like(every, dtype=torch.bool), samples, _Keys(seed), most)
    if not rows:
        return pool.found.new_zeros(0)
    chosen = pool.found.argsort(stable=True)[drawn].sort().values
    aims = Aims(pool.each(lambda probs: probs, chosen), shares)
    return pool.each(aims.information, every)


class _Keys:
    """A number of each row that depends on its probabilities alone: equal rows have equal ones."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, passes: Passes) -> Float[Tensor, " b"]:
        generator = torch.Generator().manual_seed(self._seed)
        keys = torch.zeros(())
        for probs in passes:
            direction = torch.randn(probs.shape[1], generator=generator, dtype=torch.float64)
            keys = keys + probs.double() @ direction.to(probs.device)
        return keys


class Aims:
    """The targets: what is to be predicted.

    Args:
        probs: their ``m x C x T`` probabilities.
        shares: shares of ``C`` classes, or none. A target is then weighed by the shares of the classes that
            are predicted for it, as multiples of those among the targets.
    """

    def __init__(self, probs: Float[Tensor, "m c t"], shares: Sequence[float] = ()) -> None:
        count, classes, samples = probs.shape
        mean = probs.double().mean(dim=2)
        weights = torch.ones(count, dtype=torch.float64, device=probs.device)
        if shares:
            wanted = torch.tensor(list(shares), dtype=torch.float64, device=probs.device)
            among = mean.mean(dim=0)
            weights = mean @ torch.where(among > 0, wanted / among, 0)
        weights = weights / weights.sum()
        self._mixtures = probs.reshape(count * classes, samples) / samples
        self._weights = weights.repeat_interleave(classes)
        self._entropy = weights @ torch.special.entr(mean).sum(dim=1)

    def information(self, probs: Float[Tensor, "b c t"]) -> Float[Tensor, " b"]:
        """``mean_* [H(p) + H(p_*) - H(J)]``, ``J = P P_*^T / T`` the joint distribution of both labels.

        Args:
            probs: probabilities of ``b`` rows.

        Returns:
            ``b`` float64 numbers, at least 0.
        """
        own = torch.special.entr(probs.double().mean(dim=2)).sum(dim=1)
        joint = mixed_entropies(probs, self._mixtures, self._weights)
        return (own + self._entropy - joint).clamp(min=0)
