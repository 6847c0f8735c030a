"""JSON lines: ``{"sample": ..., "label": ..., "by": ..., "at": ...}``, and ``text`` of texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.contract.labelling import TEXTS, Imported, Prediction
from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector, read_whole
from alframe.records.reading import parse_json
from alframe.records.writing import replace, unwritable

if TYPE_CHECKING:
    from alframe.labelling.session import Session


def write(session: Session, path: Path, predictions: Mapping[int, Prediction] | None = None) -> list[str]:
    """Writes the settled labels, a line each.

    Raises:
        UsageError: the file can't be written.
    """
    lines = []
    for position, label in sorted(session.labels().items()):
        fields = {
            "sample": session.samples[position].id,
            "label": label.label,
            "by": label.by,
            "at": label.at,
        }
        if session.shown_as == TEXTS and not session.samples[position].missing:
            fields["text"] = session.content(position).text or ""
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    try:
        replace(path, lambda file: file.write("".join(lines).encode()))
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return []


def read(session: Session, path: Path) -> Imported:
    """Reads lines with ``sample`` and ``label``, and ``by`` and ``at`` where they are there.

    Raises:
        UsageError: the file is not there, or a line is none of these.
    """
    found = Collector(session, path)
    for number, line in enumerate(read_whole(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: this is no JSON") from error
        if not isinstance(row, dict) or not isinstance(row.get("sample"), str) or "label" not in row:
            raise UsageError(f'{path}, line {number}: expected {{"sample": ..., "label": ...}}')
        if row["label"] is not None:
            found.add(row["sample"], row["label"], by=_text(row.get("by")), at=_text(row.get("at")))
    return found.finish()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
