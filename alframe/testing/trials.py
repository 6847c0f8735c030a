"""Small trials, run by the engine in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from alframe.contract.trial import MEASURED, Record, Round
from alframe.data.dataset import Dataset
from alframe.experiments.data import load_data
from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve
from alframe.experiments.trial_loop import run_trial
from alframe.experiments.trials import Listener, Trial
from alframe.registry.registry import Registry
from alframe.testing.strangers import DATA
from alframe.testing.subject import Subject

INITIAL, BUDGET, ROUNDS = 12, 5, 2


class Interruption(Exception):  # noqa: N818 (not an error: the kit stops a trial so)
    """The trial is stopped between two rounds."""


class Stopping(Listener):
    """Hears of a trial, and may stop it.

    Args:
        stop_after: the round after which the trial is stopped, or None.
    """

    def __init__(self, stop_after: int | None) -> None:
        self.notes: list[str] = []
        self._stop_after = stop_after

    def round_finished(self, trial: Trial, done: Round) -> None:
        """Stops the trial where that is wanted."""
        if done.round == self._stop_after:
            raise Interruption

    def note(self, text: str) -> None:
        """Keeps what the engine remarks."""
        self.notes.append(text)


@dataclasses.dataclass(frozen=True)
class Course:
    """How a trial went: its records without times, and the engine's remarks."""

    records: list[Record]
    notes: list[str]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for trials, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="alframe-check-") as path:
        yield Path(path)


def run(
    subject: Subject,
    out: Path,
    *,
    seed: int = 1,
    stop_after: int | None = None,
    change: Callable[[Dataset], Dataset] = lambda dataset: dataset,
    registry: Registry | None = None,
    strategy: str | None = None,
) -> Course:
    """Runs a trial of the plugin, or continues it.

    Args:
        subject: the plugin.
        out: folder of runs.
        seed: the trial's seed.
        stop_after: round after which it is stopped.
        change: makes another data set of the kit's.
        registry: another registry than the subject's.
        strategy: another strategy than the plugin.
    """
    registry = registry or subject.registry
    sections = {
        "run": {
            "strategy": [strategy or subject.plugin.key],
            "seeds": [seed],
            "initial_size": INITIAL,
            "query_size": BUDGET,
            "rounds": ROUNDS,
            "device": "cpu",
            "out": str(out),
        },
        "data": {"name": DATA},
        "model": {"name": subject.network},
        "train": {"epochs": 5, "batch_size": 16, "learning_rate": 0.05, "stop_accuracy": "none"},
    }
    settings = resolve(registry, sections | dict(subject.options))  # type: ignore[arg-type]
    listener = Stopping(stop_after)
    (trial,) = trials(settings)
    with contextlib.suppress(Interruption):
        run_trial(trial, change(load_data(settings)), listener)
    return Course(_records(trial), listener.notes)


def _records(trial: Trial) -> list[Record]:
    """What stands on disk: a plugin that changes a record that it is told changes nothing there."""
    lines = (trial.folder / "rounds.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in MEASURED} for line in lines]


def relabelled(dataset: Dataset, known: list[int]) -> Dataset:
    """The same samples, with another label wherever it is not known."""
    others = (dataset.targets + 1) % dataset.num_classes
    others[known] = dataset.targets[known]
    return dataclasses.replace(dataset, targets=others, inputs=dataset.inputs.clone())
