"""A table: ``sample,label,by,at``, and the text where samples are texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alframe.contract.labelling import TEXTS, Imported, Prediction
from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector, read_whole
from alframe.labelling.table import COLUMNS, unmarked, write_table
from alframe.records.writing import unwritable

if TYPE_CHECKING:
    from alframe.labelling.session import Session


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Writes the settled labels, a row each.

    Raises:
        UsageError: the file can't be written.
    """
    is_text = session.shown_as == TEXTS
    rows = []
    for position, label in sorted(session.labels().items()):
        sample = session.samples[position]
        row = [sample.id, label.label, label.by, label.at]
        rows.append([*row, _text(session, position)] if is_text else row)
    try:
        write_table(path, (*COLUMNS, "text") if is_text else COLUMNS, rows)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return []


def read(session: Session, path: Path) -> Imported:
    """Reads labels by the columns ``sample`` and ``label``, and ``by`` and ``at`` where they are there.

    Raises:
        UsageError: the file or a column is not there.
    """
    content = read_whole(path)
    first = content.partition("\n")[0]
    try:
        rows = list(csv.DictReader(io.StringIO(content, newline=""), delimiter=max(",;\t", key=first.count)))
    except csv.Error as error:
        raise UsageError(f"{path} can't be read as a table: {error}") from error
    if rows and not {"sample", "label"} <= set(rows[0]):
        names = ", ".join(str(name) for name in rows[0])
        raise UsageError(f"{path}: expected the columns sample and label, got {names}")
    found = Collector(session, path)
    for row in rows:
        sample, label = row["sample"] or "", unmarked(row["label"] or "")
        if session.position_of(sample) is None:
            sample = unmarked(sample)
        if label:
            found.add(sample, label, by=unmarked(row.get("by") or "") or None, at=row.get("at"))
    return found.finish()


def _text(session: Session, position: int) -> str:
    try:
        return session.content(position).text or ""
    except UsageError:  # the label is there, the text is gone
        return ""
