"""What is told of a trial: to plugins that hear events, to displays, to whoever reads its records.

Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Protocol

Record = dict[str, Any]


class TrialRun(Protocol):
    """One strategy with one seed on one setting, as an event's plugin may read it."""

    @property
    def strategy(self) -> str:
        """The strategy's name, with whatever differs from its defaults."""
        ...

    @property
    def seed(self) -> int:
        """The trial's seed."""
        ...

    @property
    def name(self) -> str:
        """For people: setting where there are several, strategy, seed."""
        ...

    @property
    def folder(self) -> Path:
        """``OUT/<dataset>/<setting>/<strategy>/seed-<k>``."""
        ...

    @property
    def settings(self) -> Any:
        """The run it belongs to."""
        ...


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """A finished trial.

    Attributes:
        records: one dictionary a round, as in ``rounds.jsonl``.
        note: why the trial ended early, or "".
    """

    records: list[Record]
    note: str = ""
