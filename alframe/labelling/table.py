"""Labels as a table that spreadsheets open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe.records.writing import replace

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins one in a spreadsheet
COLUMNS = ("sample", "label", "by", "at")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes the file whole or not at all; texts that begin like a formula are marked as texts.

    Raises:
        OSError: it can't be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([marked(cell) for cell in row] for row in rows)
    replace(path, lambda file: file.write(text.getvalue().encode("utf-8", "backslashreplace")))


def marked(cell: str) -> str:
    """A text that a spreadsheet takes for a text."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def unmarked(cell: str) -> str:
    """What `marked` made of it, undone."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
