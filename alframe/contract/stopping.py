"""When a trial ends before its last round: the section ``[stop]``."""

from __future__ import annotations

import dataclasses
from typing import Any

from alframe.contract.options import option


@dataclasses.dataclass(frozen=True)
class StopOptions:
    """Rules, each of which ends a trial; they see what the records say."""

    labels: int | None = option(None, "stop when so many samples are labelled")
    accuracy: float | None = option(None, "stop at the first round whose test accuracy reaches this")
    patience: int | None = option(None, "stop after so many rounds without a better test accuracy")
    stability: float | None = option(
        None,
        "stop when the networks of successive rounds agree: mean Cohen's kappa, 0.99 say; no label is read",
    )
    stability_window: int = option(3, "agreements that this is the mean of")
    stability_samples: int = option(2000, "samples drawn once from the pool, whose predictions are compared")

    def __post_init__(self) -> None:
        """Refuses rules that can't be."""
        for name in ("labels", "patience", "stability_window", "stability_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1 or be none, got {value}")
        if self.accuracy is not None and not 0 < self.accuracy <= 1:
            raise ValueError(f"accuracy must lie in 0..1 or be none, got {self.accuracy}")
        if self.stability is not None and not 0 < self.stability <= 1:
            raise ValueError(f"stability must lie in 0..1 or be none, got {self.stability}")

    def rules(self) -> dict[str, Any]:
        """What is set: nothing of a rule that is not, so that it makes no other setting."""
        values = dataclasses.asdict(self)
        if self.stability is None:
            values = {name: value for name, value in values.items() if not name.startswith("stability_")}
        return {name: value for name, value in values.items() if value is not None}
