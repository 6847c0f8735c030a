"""The rounds of a trial, read back from ``rounds.jsonl``."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.contract.trial import Round

Column = NDArray[np.float64]
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
    """

    labelled: NDArray[np.int64]
    accuracy: Column
    query_seconds: Column
    query_peak_memory: Column
    train_seconds: Column


class Unusable(Exception):  # noqa: N818 - raised here, caught where a tree is read
    """A file that can't be used; the message says why."""


def read_rounds(folder: Path) -> list[Round]:
    """The rounds of the trial in a folder; none where no round is finished yet.

    Args:
        folder: the trial's, as ``run.folder`` in an event.

    Raises:
        ValueError: its ``rounds.jsonl`` is damaged.
    """
    path = folder / "rounds.jsonl"
    if not path.exists():
        return []
    return [Round.of(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def read_curves(path: Path) -> Curves:
    """Reads a ``rounds.jsonl``.

    Raises:
        Unusable: it is damaged, cut off, or empty.
    """
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise Unusable("no round is finished yet" if missing else str(error.strerror)) from error
    except ValueError as error:
        raise Unusable("damaged or cut off, not a JSON document a line") from error
    if not all(isinstance(record, dict) for record in records):
        raise Unusable("a line is not a round's record")
    return curves_of(records)


def curves_of(records: list[dict[str, Any]]) -> Curves:
    """The curves of these records.

    Raises:
        Unusable: there are none, or sizes or accuracies are missing.
    """
    return make_curves(
        [record.get("labelled") for record in records],
        [record.get("accuracy") for record in records],
        _column(records, "query_seconds"),
        _column(records, "query_peak_memory"),
        _column(records, "train_seconds"),
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
