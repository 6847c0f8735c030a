"""The files that hold a trial's rounds: alframe's own, and those of the ALFA-Mix authors' program."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
FEATURES = "features.npy"  # of a trial that kept them


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
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


class Unusable(Exception):  # noqa: N818 - raised and caught here and in `results_tree` alone
    """A file that can't be used; the message says why."""


def read_trial(path: Path) -> Trial:
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
    return trial_of(records)


def trial_of(records: list[dict[str, Any]]) -> Trial:
    """The trial of these records.

    Raises:
        Unusable: there are none, or sizes or accuracies are missing.
    """
    return _trial(
        [record.get("labelled") for record in records],
        [record.get("accuracy") for record in records],
        _column(records, "query_seconds"),
        _column(records, "query_peak_memory"),
        _column(records, "train_seconds"),
    )


def _column(records: list[dict[str, Any]], key: str) -> Column:
    values = [record.get(key) for record in records]
    return np.array([value if _is_number(value) else math.nan for value in values], dtype=float)


def _trial(
    labelled: list[Any],
    accuracy: list[Any],
    query_seconds: Column,
    peak_memory: Column,
    train_seconds: Column,
) -> Trial:
    """Makes a `Trial` of R rounds.

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
    return Trial(np.array(labelled), np.array(accuracy, float), query_seconds, peak_memory, train_seconds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def read_csv_trial(path: Path) -> tuple[Trial, bool]:
    """Reads ``<strategy>_seed<k>.csv``: rows of accuracy and query seconds, the first of the initial set.

    Accuracies are percent where one of the file is above 1. The labelled-set sizes follow
    from ``n_init_lb``, ``n_query`` and ``query_growth_ratio`` in ``<strategy>_seed<k>/args.json``: the
    trial's own, as strategies need not share them. Memory and training time are not written by that program.

    Returns:
        The trial, and whether its accuracies were percent.

    Raises:
        Unusable: the file or its ``args.json`` is missing, damaged or cut off.
    """
    accuracy, seconds = _columns(path)
    in_percent = max(accuracy) > 1
    if in_percent:
        accuracy = [value / 100 for value in accuracy]
    durations = np.array(seconds)
    unknown = np.full(len(accuracy), math.nan)
    return _trial(_sizes(path, len(accuracy)), accuracy, durations, unknown, unknown.copy()), in_percent


def _columns(path: Path) -> tuple[list[float], list[float]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a mark before UTF-8
            rows = [row for row in csv.reader(file, strict=True, skipinitialspace=True) if row]
    except OSError as error:
        raise Unusable(str(error.strerror)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unusable(f"damaged or cut off: {error}") from error
    if rows and rows[0][0].strip().lower() == "accuracy":
        rows = rows[1:]  # forks of the program write a heading
    try:
        pairs = [(float(accuracy), float(seconds)) for accuracy, seconds in rows]
    except ValueError as error:
        raise Unusable("damaged or cut off: a row is not an accuracy and a duration in seconds") from error
    if not pairs:
        raise Unusable("no rounds in it yet")
    return [accuracy for accuracy, _ in pairs], [seconds for _, seconds in pairs]


def _sizes(path: Path, rounds: int) -> list[int]:
    """The labelled-set size of each round."""
    file = path.with_suffix("") / "args.json"
    try:
        args: Any = json.loads(file.read_text(encoding="utf-8"))
        initial, query = args["n_init_lb"], args["n_query"]
        growth = args.get("query_growth_ratio", 1)
        if args.get("init_lb_method", "general_random") != "general_random":
            raise Unusable(f"{file} counts the initial labelled set by class, so sizes are not known")
        budgets = [query * int(growth**number) for number in range(rounds - 1)]
        return list(itertools.accumulate([initial, *budgets]))
    except OSError as error:
        raise Unusable(
            f"{file}, which tells the labelled-set sizes, can't be read: {error.strerror}"
        ) from error
    except KeyError as error:
        raise Unusable(f"{file} lacks {error}, which labelled-set sizes follow from") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Unusable(f"{file} is damaged: n_init_lb and n_query must be whole numbers") from error
