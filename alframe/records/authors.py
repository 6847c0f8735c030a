"""The files of the ALFA-Mix authors' program."""

from __future__ import annotations

import csv
import io
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np

from alframe.records.reading import parse_json, read_bytes, read_text
from alframe.records.rounds import Curves, Unusable, make_curves


def read_csv_curves(path: Path) -> tuple[Curves, bool]:
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
    return make_curves(_sizes(path, len(accuracy)), accuracy, durations, unknown, unknown.copy()), in_percent


def _columns(path: Path) -> tuple[list[float], list[float]]:
    try:
        text = read_bytes(path).decode("utf-8-sig")  # spreadsheets put a mark before UTF-8
        lines = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(lines, strict=True, skipinitialspace=True) if row]
    except FileNotFoundError as error:
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
        text = read_text(file)
    except (FileNotFoundError, Unusable) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unusable(f"{file}, which tells the labelled-set sizes, can't be read: {reason}") from error
    try:
        args: Any = parse_json(text)
        initial, query = args["n_init_lb"], args["n_query"]
        growth = args.get("query_growth_ratio", 1)
        if not isinstance(query, int | float):
            growth = 1  # a text times a large number is a very long one
        if args.get("init_lb_method", "general_random") != "general_random":
            raise Unusable(f"{file} counts the initial labelled set by class, so sizes are not known")
        budgets = [query * int(growth**number) for number in range(rounds - 1)]
        return list(itertools.accumulate([initial, *budgets]))
    except KeyError as error:
        raise Unusable(f"{file} lacks {error}, which labelled-set sizes follow from") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Unusable(f"{file} is damaged: n_init_lb and n_query must be whole numbers") from error
