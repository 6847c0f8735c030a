"""The losses of mixup and manifold mixup."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alframe import Classifier


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

    def __call__(
        self, model: Classifier, x: Tensor, y: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The loss, and how many are predicted right, each counted by its share of the label."""
        share = self._rng.beta(self._alpha, self._alpha)
        place = self._places[self._rng.integers(len(self._places))]
        partner = torch.randperm(len(y), generator=generator).to(y.device)

        def mixed(values: Tensor) -> Tensor:
            return share * values + (1 - share) * values[partner]

        if place is None:
            logits = model(mixed(x))
        else:
            hook = place.register_forward_hook(lambda module, given, output: mixed(output))
            try:
                logits = model(x)
            finally:
                hook.remove()
        loss = functional.cross_entropy
        predicted = logits.argmax(dim=1)
        right = share * (predicted == y).sum() + (1 - share) * (predicted == y[partner]).sum()
        return share * loss(logits, y) + (1 - share) * loss(logits, y[partner]), right


def stages(body: nn.Module) -> Iterator[nn.Module]:
    """The body's parts in order: its children with parameters, of a network inside it that network's."""
    for child in body.children():
        if not any(True for _ in child.parameters()):
            continue
        is_network = not isinstance(child, nn.Sequential) and any(True for _ in child.children())
        yield from stages(child) if is_network else (child,)
