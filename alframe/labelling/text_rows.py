"""Texts in a file: a column of a table, a field of JSON lines, or lines."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alframe.contract.labelling import SourceContent, SourceItem
from alframe.errors import UsageError
from alframe.labelling.image_files import DIGESTED
from alframe.records.reading import Unusable, parse_json, read_bytes

USUAL = ("text", "sentence", "review", "content", "body", "comment", "document", "message")
KEY = "id"  # a column of this name names the rows
LONGEST_FIELD = 1 << 24
SHOWN = 16  # letters of a digest that name a text


class TextRows:
    """The texts of a file.

    Rows are called by their column ``id``, where there is one without repeats, else by their content: rows
    may then be added, removed and sorted without harm.

    Args:
        path: .csv, .tsv, .jsonl, or anything else for a text a line.
        column: name of the column or field; None to find it out.

    Raises:
        UsageError: the file or the column can't be used.
    """

    def __init__(self, path: Path, column: str | None) -> None:
        self.notes: list[str] = []
        self._path = path
        content = self._decoded()
        suffix = path.suffix.lower()
        if suffix in (".jsonl", ".ndjson"):
            texts, keys = self._fields(self._objects(content), column)
        elif suffix in (".csv", ".tsv"):
            texts, keys = self._fields(self._rows(content), column)
        else:
            texts, keys = re.split("\r\n|\r|\n", content), None
        self._texts = self._named(texts, keys)
        if not self._texts:
            raise UsageError(f"{path} has no texts")

    def items(self) -> list[SourceItem]:
        """The texts in the file's order."""
        return [SourceItem(name, len(text.encode()), self.digest(name)) for name, text in self._texts.items()]

    def digest(self, item: str) -> str:
        """SHA-256 of the first 64 KB."""
        return _digest(self._texts[item])

    def content(self, item: str) -> SourceContent:
        """A text.

        Raises:
            UsageError: it is gone.
        """
        if item not in self._texts:
            raise UsageError(f"{item}: the text is gone from {self._path}")
        return SourceContent(None, self._texts[item], "text/plain; charset=utf-8")

    def _decoded(self) -> str:
        try:
            content = read_bytes(self._path)
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {self._path}") from error
        except Unusable as error:
            raise UsageError(f"{self._path} can't be read: {error}") from error
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.notes.append(f"{self._path.name} is no UTF-8; it is read as Windows-1252")
            return content.decode("cp1252", "replace")

    def _rows(self, content: str) -> list[dict[str, Any]]:
        first = content.partition("\n")[0]
        separator = "\t" if self._path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
        csv.field_size_limit(LONGEST_FIELD)
        try:
            return list(csv.DictReader(io.StringIO(content, newline=""), delimiter=separator))
        except csv.Error as error:
            raise UsageError(f"{self._path} can't be read as a table: {error}") from error

    def _objects(self, content: str) -> list[dict[str, Any]]:
        rows = []
        for number, line in enumerate(io.StringIO(content), 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except ValueError as error:
                raise UsageError(f"{self._path}, line {number}: this is no JSON") from error
            if not isinstance(row, dict):
                raise UsageError(f'{self._path}, line {number}: expected an object, as {{"text": ...}}')
            rows.append(row)
        return rows

    def _fields(
        self, rows: list[dict[str, Any]], column: str | None
    ) -> tuple[list[str], Sequence[str] | None]:
        names = list(dict.fromkeys(str(name) for row in rows for name in row if name is not None))
        if column is None:
            column = next((name for name in names if name.lower() in USUAL), None)
            if column is None:
                column = names[0] if len(names) == 1 else None
            elif len(names) > 1:
                self.notes.append(
                    f"{self._path.name}: the texts are those of {column!r}; --text says otherwise"
                )
        if column is None or column not in names:
            shown = ", ".join(names[:20]) or "none"
            raise UsageError(f"{self._path}: which column holds the texts? --text names one of: {shown}")
        keys = [_text(row.get(KEY)) for row in rows] if KEY in names and column != KEY else None
        return [_text(row.get(column)) for row in rows], keys

    def _named(self, texts: Sequence[str], keys: Sequence[str] | None) -> dict[str, str]:
        if keys is not None and (len(set(keys)) < len(keys) or not all(key.strip() for key in keys)):
            self.notes.append(f"{self._path.name}: column {KEY!r} has gaps or repeats; it names no rows")
            keys = None
        named: dict[str, str] = {}
        seen: Counter[str] = Counter()
        empty = 0
        for row, text in enumerate(texts):
            text = text.encode("utf-8", "replace").decode()  # half of a pair of surrogates is no text
            if not text.strip():
                empty += 1
                continue
            name = keys[row] if keys is not None else _digest(text)[:SHOWN]
            seen[name] += 1
            named[name if seen[name] == 1 else f"{name}-{seen[name]}"] = text
        if empty:
            self.notes.append(f"{self._path.name}: {empty:,} rows without a text are left out")
        return named


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()[:DIGESTED]).hexdigest()
