"""A trial's rounds as a table."""

from __future__ import annotations

import csv
from pathlib import Path

from alframe import read_rounds


def write_table(folder: Path) -> None:
    """Writes ``rounds.csv`` of the rounds of the trial in ``folder``; what is not known is empty."""
    rows = [done.flat() for done in read_rounds(folder)]
    table, temporary = folder / "rounds.csv", folder / "rounds.csv.tmp"
    if not rows:
        table.unlink(missing_ok=True)
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(table)
    finally:
        temporary.unlink(missing_ok=True)
