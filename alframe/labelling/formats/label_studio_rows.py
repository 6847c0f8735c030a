"""Label Studio's flat exports, JSON_MIN and CSV: a row a task or annotation, with keys of the user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector
from alframe.labelling.formats.label_studio_tasks import sample_of
from alframe.labelling.formats.matching import Matcher
from alframe.records.reading import parse_json

if TYPE_CHECKING:
    from alframe.labelling.session import Session

OWN = {
    "id",
    "annotation_id",
    "annotator",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
    "file_upload",
}
USUAL = ("label", "choice", "choices", "class", "category", "sentiment")
LOOKED_AT = 200  # rows that tell which key is which

Row = Mapping[str, Any]


def read_csv(session: Session, path: Path, content: str, found: Collector) -> None:
    """Takes the labels of a CSV export.

    Raises:
        UsageError: it is no table, or it is not clear which column holds the labels.
    """
    try:
        header = content.partition("\n")[0]
        separator = max(",\t", key=header.count)
        rows = list(csv.DictReader(io.StringIO(content, newline=""), delimiter=separator))
    except csv.Error as error:
        raise UsageError(f"{path} can't be read as a table: {error}") from error
    read_min(session, path, rows, found)


def read_min(session: Session, path: Path, rows: Sequence[Row], found: Collector) -> None:
    """Takes the labels of flat rows.

    Args:
        session: where they go.
        path: the file, for messages.
        rows: each with what the task shows, and the label under the name of the choices.
        found: takes them, and what is left out.

    Raises:
        UsageError: it is not clear which key holds the labels.
    """
    if not rows:
        return
    matcher = Matcher(session)
    known = {info.name for info in session.classes}
    label_key = _label_key(path, rows, known, matcher)
    for row in rows:
        data = {key: value for key, value in row.items() if key != label_key and key not in OWN}
        name, position = sample_of(data, session, matcher)
        labels = _labels(row.get(label_key))
        if len(labels) > 1:
            found.leave_out("several choices for one sample", f"{name} ({', '.join(labels)})")
        elif labels:
            by = row.get("annotator")
            found.add(
                name,
                labels[0],
                position=position,
                at=_text(row.get("created_at")),
                by=by if isinstance(by, str) and by and not by.isdigit() else f"user {by}" if by else None,
                seconds=_number(row.get("lead_time")),
            )


def _label_key(path: Path, rows: Sequence[Row], known: Iterable[str], matcher: Matcher) -> str:
    """The key with the labels: called as usual, or the one whose values are classes, or the only one left."""
    looked = rows[:LOOKED_AT]
    keys = [key for key in dict.fromkeys(key for row in looked for key in row) if key and key not in OWN]
    keys = [
        key for key in keys if not key.startswith("alframe_") and not _is_of_samples(key, looked, matcher)
    ]
    classes = set(known)
    for key in keys:
        values = [label for row in looked for label in _labels(row.get(key))]
        if classes and values and set(values) <= classes:
            return key
    usual = [key for key in keys if key.lower() in USUAL]
    if len(usual) == 1 or len(keys) == 1:
        return (usual or keys)[0]
    raise UsageError(f"{path}: which of {', '.join(keys) or 'no keys'} holds the labels? call it label")


def _is_of_samples(key: str, rows: Sequence[Row], matcher: Matcher) -> bool:
    values = [value for row in rows if isinstance(value := row.get(key), str) and value]
    return bool(values) and sum(matcher.find(value)[0] is not None for value in values) * 2 >= len(values)


def _labels(value: Any) -> list[str]:
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = parse_json(value)
        except ValueError:
            return [str(value)]
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        return [str(label) for label in value]
    return [] if value in (None, "") else [str(value)]


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
