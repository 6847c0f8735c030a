"""When a trial ends before its last round: the section ``[stop]``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
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

    def reason(self, records: Sequence[Mapping[str, Any]]) -> str:
        """Why a trial with these rounds stops, or "" where it goes on.

        Args:
            records: every round so far, at least one.
        """
        last = records[-1]
        if self.labels is not None and last["labelled"] >= self.labels:
            return f"{last['labelled']} samples are labelled"
        if self.accuracy is not None and last["accuracy"] >= self.accuracy:
            return f"the accuracy is {last['accuracy']:.4f}"
        accuracies = [record["accuracy"] for record in records]
        since = len(accuracies) - 1 - accuracies.index(max(accuracies))
        if self.patience is not None and since >= self.patience:
            return f"no better accuracy for {since} rounds"
        if self.stability is not None and (mean := self._mean_agreement(records)) >= self.stability:
            return f"the predictions are stable: mean kappa {mean:.4f} over {self.stability_window} rounds"
        return ""

    def _mean_agreement(self, records: Sequence[Mapping[str, Any]]) -> float:
        """Over the window; 0 while there are too few rounds for it."""
        agreements = [record["stability"] for record in records[1:]][-self.stability_window :]
        if len(agreements) < self.stability_window:
            return 0.0
        return round(math.fsum(agreements) / len(agreements), 6)
