"""A trial's records as numbers by column, and as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The records of the trial in ``folder``, one a round; none where it has not begun."""
    path = folder / "rounds.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A record's single values, those inside it as ``diagnostics/margin``; lists are left out.

    Example:
        >>> flat({"round": 1, "queried": [5, 7], "logged": {"alfamix": {"candidates": 3}}})
        {'round': 1, 'logged/alfamix/candidates': 3}
    """
    values: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{key}/")
        elif not isinstance(value, list):
            values[prefix + key] = value
    return values


def write_table(folder: Path) -> None:
    """Writes ``rounds.csv`` of the records; what is not known is empty."""
    rows = [flat(record) for record in read_records(folder)]
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
