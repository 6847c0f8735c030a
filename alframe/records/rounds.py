"""The rounds of a trial, read back from ``rounds.jsonl``."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.contract.trial import UNWATCHED, Bin, Round
from alframe.records.reading import Unusable as Unusable
from alframe.records.reading import parse_json, read_text

Column = NDArray[np.float64]
BINS = 15  # of a reliability diagram
FEATURES = "features.npy"  # of a trial that kept them


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """One strategy with one seed, round by round; R rounds, the initial labelled set among them.

    Attributes:
        labelled: R labelled-set sizes, increasing.
        accuracy: R accuracies between 0 and 1.
        query_seconds: R durations of the query before the round; NaN where there was none or none is known.
        query_peak_memory: R peak memories of the query in bytes; NaN likewise.
        train_seconds: R durations of training; NaN where not known.
        ece: R expected calibration errors, NaN where not known; None where none is.
        brier: R Brier scores, likewise.
        reliability: R times the bins of `Round.reliability`, None where not known; () where none are.
    """

    labelled: NDArray[np.int64]
    accuracy: Column
    query_seconds: Column
    query_peak_memory: Column
    train_seconds: Column
    ece: Column | None = None
    brier: Column | None = None
    reliability: tuple[tuple[Bin, ...] | None, ...] = ()


def read_rounds(folder: Path) -> list[Round]:
    """The rounds of the trial in a folder; none where no round is finished yet.

    Args:
        folder: the trial's, as ``run.folder`` in an event.

    Raises:
        ValueError: its ``rounds.jsonl`` is damaged.
    """
    try:
        return rounds_of(read_text(folder / "rounds.jsonl"))
    except FileNotFoundError:
        return []
    except Unusable as reason:
        raise ValueError(f"{folder / 'rounds.jsonl'}: {reason}") from reason


def rounds_of(lines: str) -> list[Round]:
    """The rounds of what ``rounds.jsonl`` says.

    Raises:
        Unusable: it is damaged: a line is no round's record, or not of the round that comes next.
    """
    records = _records(lines)
    if records:
        curves_of(records)
    for number, record in enumerate(records):
        _check(record, number)
    return [Round.of(record) for record in records]


def _check(record: dict[str, Any], number: int) -> None:
    """Wants a record whose entries are of the kinds that alframe writes; what is unknown to it may be any."""
    numbers = {field.name for field in dataclasses.fields(Round)} - {
        *("queried", "together", "diagnostics", "logged", "reliability", "more")
    }
    queried, together = record.get("queried", []), record.get("together", [])
    diagnostics, logged = record.get("diagnostics", {}), record.get("logged", {})
    good = (
        record.get("round") == number
        and all(
            value is None or isinstance(value, int | float) or (name, value) == ("stability", UNWATCHED)
            for name, value in record.items()
            if name in numbers
        )
        and isinstance(queried, list)
        and all(type(position) is int and 0 <= position < 2**53 for position in queried)
        and isinstance(together, list)
        and all(isinstance(trial, str) for trial in together)
        and _is_reliability(record.get("reliability"))
        and isinstance(diagnostics, dict)
        and isinstance(logged, dict)
        and all(isinstance(values, dict) for values in logged.values())
    )
    if not good:
        raise Unusable(f"line {number + 1} is not the record of round {number}")


def _is_reliability(bins: Any) -> bool:
    """Whether these are `Round.reliability`'s bins, or None."""
    return bins is None or (
        isinstance(bins, list)
        and all(isinstance(one, list) and len(one) == 4 and all(map(_is_number, one)) for one in bins)
        and all(type(one[0]) is type(one[1]) is int and 0 <= one[0] < BINS and one[1] > 0 for one in bins)
    )


def _records(lines: str) -> list[dict[str, Any]]:
    try:
        records = [parse_json(line) for line in lines.splitlines()]
    except ValueError as error:
        raise Unusable("damaged or cut off, not a JSON document a line") from error
    if not all(isinstance(record, dict) for record in records):
        raise Unusable("a line is not a round's record")
    return records


def read_curves(path: Path) -> Curves:
    """Reads a ``rounds.jsonl``.

    Raises:
        Unusable: it is damaged, cut off, or empty.
    """
    try:
        return curves_of(_records(read_text(path)))
    except FileNotFoundError as error:
        raise Unusable("no round is finished yet") from error


def curves_of(records: list[dict[str, Any]]) -> Curves:
    """The curves of these records.

    Raises:
        Unusable: there are none, or sizes or accuracies are missing.
    """
    found = make_curves(
        [record.get("labelled") for record in records],
        [record.get("accuracy") for record in records],
        _column(records, "query_seconds"),
        _column(records, "query_peak_memory"),
        _column(records, "train_seconds"),
    )
    if not any(record.get("ece") is not None for record in records):
        return found
    bins = [record.get("reliability") for record in records]
    return dataclasses.replace(
        found,
        ece=_column(records, "ece"),
        brier=_column(records, "brier"),
        reliability=tuple(tuple(map(tuple, one)) if one and _is_reliability(one) else None for one in bins),
    )


def _column(records: list[dict[str, Any]], key: str) -> Column:
    values = [record.get(key) for record in records]
    return np.array([value if _is_number(value) else math.nan for value in values], dtype=float)


def make_curves(
    labelled: list[Any],
    accuracy: list[Any],
    query_seconds: Column,
    peak_memory: Column,
    train_seconds: Column,
) -> Curves:
    """Makes a `Curves` of R rounds.

    Raises:
        Unusable: no rounds; a size that is no positive whole number or not above the one before; an accuracy
            that is no number from 0 to 1.
    """
    if not labelled:
        raise Unusable("no rounds in it yet")
    if not all(type(size) is int and 0 < size < 2**53 for size in labelled):
        raise Unusable("a labelled-set size is missing or not a positive whole number")
    if any(later <= earlier for earlier, later in itertools.pairwise(labelled)):
        raise Unusable("labelled-set sizes don't increase")
    if not all(_is_number(value) and 0 <= value <= 1 for value in accuracy):
        raise Unusable("an accuracy is missing or not between 0 and 1")
    query_seconds[0] = peak_memory[0] = math.nan  # no query comes before the initial set
    return Curves(np.array(labelled), np.array(accuracy, float), query_seconds, peak_memory, train_seconds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
