"""When a trial ends before its last round: the section ``[stop]``."""

from __future__ import annotations

import dataclasses
from typing import Any

from alframe.contract.options import CheckedOptions, option


@dataclasses.dataclass(frozen=True)
class StopOptions(CheckedOptions):
    """Rules, each of which ends a trial; they see what the records say."""

    labels: int | None = option(None, "stop when so many samples are labelled", least=1)
    accuracy: float | None = option(
        None, "stop at the first round whose test accuracy reaches this", above=0, most=1
    )
    patience: int | None = option(None, "stop after so many rounds without a better test accuracy", least=1)
    stability: float | None = option(
        None,
        "stop when the networks of successive rounds agree: mean Cohen's kappa, 0.99 say; no label is read",
        above=0,
        most=1,
    )
    stability_window: int = option(3, "agreements that this is the mean of", least=1)
    stability_samples: int = option(
        2000, "samples drawn once from the pool, whose predictions are compared", least=1
    )

    def rules(self) -> dict[str, Any]:
        """What is set: nothing of a rule that is not, so that it makes no other setting."""
        values = dataclasses.asdict(self)
        if self.stability is None:
            values = {name: value for name, value in values.items() if not name.startswith("stability_")}
        return {name: value for name, value in values.items() if value is not None}
