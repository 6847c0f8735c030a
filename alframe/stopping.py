"""When a trial ends before its last round: the section ``[stop]``. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alframe.options import option


@dataclasses.dataclass(frozen=True)
class StopOptions:
    """Rules, each of which ends a trial; they see what the records say."""

    labels: int | None = option(None, "stop when so many samples are labelled")
    accuracy: float | None = option(None, "stop at the first round whose test accuracy reaches this")
    patience: int | None = option(None, "stop after so many rounds without a better test accuracy")

    def __post_init__(self) -> None:
        """Refuses rules that can't be."""
        for name in ("labels", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1 or be none, got {value}")
        if self.accuracy is not None and not 0 < self.accuracy <= 1:
            raise ValueError(f"accuracy must lie in 0..1 or be none, got {self.accuracy}")

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
        return ""
