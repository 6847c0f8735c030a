"""What is told of a trial: to plugins that hear events, to displays, to whoever reads its records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from alframe.notebooks import fields_html, rounds_html

Record = dict[str, Any]  # a `Round` as it stands in ``rounds.jsonl``
MEASURED = frozenset({"query_seconds", "query_peak_memory", "train_seconds", "train_peak_memory"})
UNWATCHED: Literal["unwatched"] = "unwatched"
Bin = tuple[int, int, float, float]  # of a reliability diagram, as `Round.reliability` has it
SINCE = ("ece", "brier", "reliability", "temperature")  # what earlier records lack
Stability = float | Literal["unwatched"] | None


@dataclasses.dataclass(frozen=True)
class Round:
    """A round: one query, then one training. Round 0 is the initial labelled set and has no query.

    Attributes:
        round: the number of the round.
        labelled: samples that are labelled.
        accuracy: share of the test part predicted right.
        balanced_accuracy: mean recall over the classes that occur.
        macro_f1: mean F1 over the classes that occur or are predicted.
        loss: mean cross-entropy on the test part, in nats.
        epochs: epochs trained.
        train_accuracy: share of the training samples predicted right during the last epoch.
        train_loss: mean training loss of the last epoch.
        validation: labelled samples held out for validation.
        validation_accuracy: share of those that the final weights predict right, or None.
        best_epoch: the epoch that the final weights are of, where it need not be the last, or None.
        query_seconds: duration of the query, in seconds.
        query_peak_memory: peak memory of the query, in bytes.
        train_seconds: duration of the training, in seconds.
        train_peak_memory: peak memory of the training, in bytes.
        topped_up: how many of the queried samples the engine drew at random.
        queried: the samples that were labelled, as positions in the data set, best first.
        diagnostics: how sure the network was of them, how varied and how balanced they are.
        logged: numbers that plugins logged, by plugin name.
        stability: Cohen's kappa of this network's predictions and the last one's, None in the first round;
            `UNWATCHED` where predictions are not compared, and then the record has no such key.
        together: the trials, as ``margin/seed-1``, whose networks were trained at once with this one, itself
            among them; none where it was trained alone, and then the record has no such key.
        ece: expected calibration error on the test part, in 15 bins of the confidence, between 0 and 1.
        brier: Brier score of the test part, summed over classes, between 0 and 2.
        reliability: the bins that hold samples of the test part: number ``b`` of 0..14, for confidences in
            ``(b/15, (b+1)/15]``, samples, their mean confidence, share of them predicted right.
        temperature: what the logits were divided by after training (``train.calibrate``). It and the three
            before are None where they are not known, and then the record has no such keys.
        more: what another version of alframe recorded beside.
    """

    round: int
    labelled: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    loss: float
    epochs: int
    train_accuracy: float
    train_loss: float
    validation: int
    validation_accuracy: float | None
    best_epoch: int | None
    query_seconds: float
    query_peak_memory: int
    train_seconds: float
    train_peak_memory: int
    topped_up: int
    queried: tuple[int, ...]
    diagnostics: Mapping[str, float]
    logged: Mapping[str, Mapping[str, float]]
    stability: Stability = UNWATCHED
    together: tuple[str, ...] = ()
    ece: float | None = None
    brier: float | None = None
    reliability: tuple[Bin, ...] | None = None
    temperature: float | None = None
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    _repr_html_ = fields_html

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """The round of a record.

        Args:
            record: a line of ``rounds.jsonl``; what another version did not record is None in the round.

        Raises:
            ValueError: it has no ``round``, ``labelled`` or ``accuracy``.
        """
        if lacking := [name for name in ("round", "labelled", "accuracy") if name not in record]:
            raise ValueError(f"a round's record lacks {', '.join(lacking)}")
        apart = ("stability", "together", "more")
        names = [field.name for field in dataclasses.fields(cls) if field.name not in apart]
        values: dict[str, Any] = {name: record.get(name) for name in names}
        values |= {name: tuple(record.get(name, ())) for name in ("queried", "together")}
        values |= {name: record.get(name, {}) for name in ("diagnostics", "logged")}
        if (bins := values["reliability"]) is not None:
            values["reliability"] = tuple(map(tuple, bins))
        more = {name: value for name, value in record.items() if name not in {*names, *apart}}
        return cls(**values, stability=record.get("stability", UNWATCHED), more=more)

    def as_dict(self) -> Record:
        """The round as it stands in ``rounds.jsonl``: a dictionary of its own, which may be changed."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        record |= {
            "queried": list(self.queried),
            "together": list(self.together),
            "diagnostics": dict(self.diagnostics),
            "logged": {plugin: dict(values) for plugin, values in self.logged.items()},
        }
        if self.stability == UNWATCHED:
            del record["stability"]
        if not self.together:
            del record["together"]
        if self.reliability is not None:
            record["reliability"] = list(map(list, self.reliability))
        for name in SINCE:
            if record[name] is None:
                del record[name]
        del record["more"]
        return {**record, **self.more}

    def flat(self) -> dict[str, Any]:
        """The single values by column, those inside ``logged`` as ``logged/alfamix/candidates``; no lists.

        Example:
            >>> logged = {"alfamix": {"candidates": 3}}
            >>> record = {"round": 1, "labelled": 9, "accuracy": 0.5, "logged": logged}
            >>> Round.of(record).flat()["logged/alfamix/candidates"]
            3
        """
        return _flat(self.as_dict())


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            values |= _flat(value, f"{prefix}{key}/")
        elif not isinstance(value, list):
            values[prefix + key] = value
    return values


class TrialRun(Protocol):
    """One strategy with one seed on one setting, as an event's plugin may read it.

    Attributes:
        strategy: the strategy's name, with whatever differs from its defaults.
        seed: the trial's seed.
        name: for people: setting where there are several, strategy, seed.
        folder: ``OUT/<dataset>/<setting>/<strategy>/seed-<k>``, where its files are.
        config: every resolved value by section, plain data, as in ``config.toml``.
    """

    @property
    def strategy(self) -> str: ...  # noqa: D102 (above)
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def config(self) -> Mapping[str, Mapping[str, Any]]: ...  # noqa: D102


@dataclasses.dataclass(frozen=True, repr=False)
class RunSummary:
    """A finished trial.

    Attributes:
        rounds: every round, the initial set's first.
        note: why the trial ended early, or "".
    """

    rounds: tuple[Round, ...]
    note: str = ""
    _repr_html_ = rounds_html

    def __repr__(self) -> str:
        """How it ended: all rounds would be a page."""
        last = self.rounds[-1] if self.rounds else None
        end = f", accuracy {last.accuracy:.4f} with {last.labelled} labels" if last else ""
        return f"RunSummary({len(self.rounds)} rounds{end}{f', {self.note!r}' if self.note else ''})"

    @property
    def records(self) -> list[Record]:
        """One dictionary a round, as in ``rounds.jsonl``."""
        return [one.as_dict() for one in self.rounds]
