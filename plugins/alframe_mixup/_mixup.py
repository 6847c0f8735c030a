"""The losses of mixup and manifold mixup."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe import Classifier, UsageError


class Mixup:
    """The loss of a batch whose samples are mixed with each other in pairs.

    ``x~ = s x_i + (1 - s) x_j`` with ``s ~ Beta(alpha, alpha)``, one a batch, and the loss is
    ``s CE(x~, y_i) + (1 - s) CE(x~, y_j)``. In manifold mixup ``x`` is of each batch the input or the output
    of one of the body's stages, all as likely.

    Args:
        model: the network.
        alpha: the smaller, the nearer is the share to 0 or 1.
        manifold: whether stages of the body are mixed too.
        generator: a CPU generator that the shares' generator is seeded from.
    """

    def __init__(self, model: Classifier, alpha: float, manifold: bool, generator: torch.Generator) -> None:
        self._alpha = alpha
        self._places: list[nn.Module | None] = [None, *(stages(model.body) if manifold else ())]
        seed = torch.randint(2**62, (1,), generator=generator).item()
        self._rng = np.random.default_rng(int(seed))

    def draws(self, size: int, generator: torch.Generator) -> tuple[int, Tensor, Tensor]:
        """Draws what a batch needs: where it is mixed, its share, and each sample's partner.

        Args:
            size: samples of the batch, ``b``.
            generator: a CPU generator that partners are drawn from.

        Returns:
            The number of the place, the share as a float64 scalar, and ``b`` positions in the batch.
        """
        share = torch.tensor(self._rng.beta(self._alpha, self._alpha), dtype=torch.float64)
        place = int(self._rng.integers(len(self._places)))
        return place, share, torch.randperm(size, generator=generator)

    def __call__(
        self, model: Classifier, x: Tensor, y: Tensor, place: int, share: Tensor, partner: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss, and how many are predicted right, each counted by its share of the label."""
        where, others = self._places[place], y.index_select(0, partner)

        def mixed(values: Tensor) -> Tensor:
            exact = values.to(torch.promote_types(values.dtype, torch.float32))  # shares are no bfloat16
            return (share * exact + (1 - share) * exact.index_select(0, partner)).to(values.dtype)

        if where is None and not x.is_floating_point():
            raise UsageError(
                "mixup mixes network inputs, and the bytes of these samples, as texts are, mean nothing when "
                "mixed; leave --train mixup out"
            )
        if where is None:
            logits = model(mixed(x))
        else:
            hook = where.register_forward_hook(lambda module, given, output: mixed(output))
            try:
                logits = model(x)
            finally:
                hook.remove()
        one, other = (functional.cross_entropy(logits, labels) for labels in (y, others))
        predicted = logits.detach().argmax(dim=1)
        hits, others_hit = ((predicted == labels).sum() for labels in (y, others))
        part, rest = share.to(one.dtype), (1 - share).to(one.dtype)
        return part * one + rest * other, part * hits + rest * others_hit


def stages(body: nn.Module) -> Iterator[nn.Module]:
    """The body's parts in order: its children with parameters, of a network inside it that network's."""
    for child in body.children():
        if not any(True for _ in child.parameters()):
            continue
        is_network = not isinstance(child, nn.Sequential) and any(True for _ in child.children())
        yield from stages(child) if is_network else (child,)
