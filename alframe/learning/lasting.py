"""What lasts as long as a round, in which labels may come several times before the network is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Lasting:
    """What the queries of one round have in common.

    Args:
        step: how many of them there were.
        drawn: positions of the part of the pool that they look at; None: not drawn yet.

    Attributes:
        step: how many queries of the round have their labels by now.
        caches: each plugin's dictionary, see `Context.round_cache`.
        features: gives the features of all samples, ``M x D``; None where nobody is to keep them.
    """

    def __init__(self, step: int = 0, drawn: Tensor | None = None) -> None:
        self.step = step
        self.caches: dict[str, dict[str, Any]] = {}
        self.features: Callable[[], Tensor] | None = None
        self._drawn = drawn

    def alone(self) -> Lasting:
        """For a copy of the learner, which has a network of its own."""
        return Lasting(self.step, self._drawn)

    def state(self) -> dict[str, Any]:
        """What a checkpoint within a round holds; nothing between two rounds."""
        drawn = {} if self._drawn is None else {"drawn": self._drawn.clone()}
        return {"step": self.step, **drawn} if self.step else {}

    def hold(self, make: Callable[[], Tensor]) -> None:
        """Keeps the features of all samples from when they are first asked for.

        Args:
            make: computes them.
        """
        if self.features is None:
            made: list[Tensor] = []

            def held() -> Tensor:
                if not made:
                    made.append(make())
                return made[0]

            self.features = held

    def part(self, pool: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """The part of the pool that the round looks at: what is left of that of its first query.

        Args:
            pool: positions of the unlabelled samples.
            draw: draws the part.
        """
        if self._drawn is None or not self.step:
            self._drawn = draw()
        return self._drawn[torch.isin(self._drawn, pool)]
