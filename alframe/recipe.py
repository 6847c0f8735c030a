"""The training recipe: the ``[train]`` section of a configuration."""

from __future__ import annotations

import dataclasses
from typing import Literal

from alframe.options import option


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the network is trained in each round, whichever trainer does it."""

    epochs: int = option(200, "most epochs a round")
    batch_size: int = option(64, "samples a gradient step")
    learning_rate: float = option(0.001, "learning rate")
    optimizer: Literal["adam", "sgd"] = option("adam", "optimiser")
    momentum: float = option(0.9, "momentum of sgd")
    weight_decay: float = option(0.0, "L2 penalty, added to the gradient by the optimiser")
    stop_accuracy: float | None = option(
        0.99, "stop at the first epoch whose training accuracy reaches this; none trains all epochs"
    )
    warm_start: bool = option(
        False, "go on from the last round's weights, not from the trial's initial weights"
    )

    def __post_init__(self) -> None:
        """Refuses values that no training can use."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in 0..1, got {self.momentum}")
        if not 0 <= self.weight_decay < float("inf"):
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")
        if self.stop_accuracy is not None and not 0 < self.stop_accuracy <= 1:
            raise ValueError(f"stop_accuracy must lie in 0..1 or be none, got {self.stop_accuracy}")
