"""A trial's rounds as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from alframe import read_rounds

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins one in a spreadsheet


def write_table(folder: Path) -> None:
    """Writes ``rounds.csv`` of the rounds of the trial in ``folder``; what is not known is empty."""
    rows = [done.flat() for done in read_rounds(folder)]
    table, temporary = folder / "rounds.csv", folder / "rounds.csv.tmp"
    if not rows:
        table.unlink(missing_ok=True)
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    temporary.unlink(missing_ok=True)  # of a run that was killed, or a link
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writerow({column: _cell(column) for column in columns})
            writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        temporary.replace(table)
    finally:
        temporary.unlink(missing_ok=True)


def _cell(value: Any) -> Any:
    """A text that begins like a formula is marked as a text; numbers are numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
