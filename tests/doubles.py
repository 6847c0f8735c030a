"""Doubles that several test files use, and the one place that says which fields of a record are measured."""

from alframe.contract.trial import MEASURED, Round
from alframe.experiments.trials import Listener
from alframe.records.origin import Origin

NAMES = {"dataset": "digits", "setting": "mlp", "kind": "k", "strategy": "margin", "seed": "1"}
ORIGIN = Origin(NAMES, {"training inputs": "1"}, {"initial": "2"})


def make_round(number=0, labelled=100, accuracy=0.5, **others):
    measured = dict.fromkeys(sorted(MEASURED), 0) | {"topped_up": 0, "validation": 0}
    return Round.of(measured | {"round": number, "labelled": labelled, "accuracy": accuracy} | others)


def repeatable(records):
    """Records without what is measured, which no two runs have in common."""
    return [{key: value for key, value in record.items() if key not in MEASURED} for record in records]


class Watch(Listener):
    """A listener that remembers what it is told, and can stop a trial.

    ``events`` are what happened in order; ``started``, ``rounds`` and ``finished`` tell the trials apart.
    """

    def __init__(self, stop_after=None, on_round=None):
        self.events, self.notes, self.failed = [], [], []
        self.started, self.rounds, self.finished, self.stages = [], [], [], set()
        self._stop_after, self._on_round = stop_after, on_round

    def trial_started(self, trial, rounds_done, finished):
        self.events.append(("started", rounds_done))
        self.started.append((trial.strategy, trial.seed, rounds_done))

    def progress(self, trial, stage, done, total):
        self.events.append(("progress", stage))
        self.stages.add((trial.seed, stage))

    def round_finished(self, trial, done):
        self.events.append(("round", done.round))
        self.rounds.append((trial.strategy, trial.seed, done.round))
        if self._on_round is not None:
            self._on_round(trial)
        if done.round == self._stop_after:
            raise KeyboardInterrupt

    def trial_finished(self, trial, summary):
        self.events.append(("finished", len(summary.rounds)))
        self.finished.append((trial.strategy, trial.seed))

    def trial_failed(self, trial, reason):
        self.failed.append((trial.strategy, trial.seed, str(reason)))

    def note(self, text):
        self.notes.append(text)
