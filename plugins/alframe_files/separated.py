"""Separated text as rows: which letters, what parts the fields, and whether each row has its fields."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import lzma
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from alframe import DamagedFileError, UsageError, one_line

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
GUESSED = ",;\t|"
LOOKED_AT = 20  # rows that tell which separator it is
PACKED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


class Text:
    """A file of separated text, read once.

    Args:
        path: of the file, which may be packed.
        separator: a word of ``SEPARATORS``, or a character; None: the one of the first row.
        encoding: of the letters; None: by its mark, UTF-8, or else Windows' cp1252.

    Raises:
        UsageError: no such file, or the encoding is unknown or another one.
        DamagedFileError: a packed file that can't be unpacked.
    """

    def __init__(self, path: Path, separator: str | None = None, encoding: str | None = None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._bytes = _unpacked(path)
        self.encoding = self._checked(encoding) if encoding else self._found_encoding()
        self.separator = self._named(separator) if separator else self._found_separator()
        self._body = 0  # lines before the rows
        self.headings: list[str] = []
        self.width = 0
        self.uneven: UsageError | None = None  # what is wrong unless the first fields number the rows
        self._look_at_rows()

    def below_headings(self) -> io.TextIOWrapper:
        """The rows."""
        return self._open(self._body)

    def _open(self, skip: int = 0) -> io.TextIOWrapper:
        opened = io.TextIOWrapper(io.BytesIO(self._bytes), encoding=self.encoding, newline="")
        for _ in range(skip):
            opened.readline()
        return opened

    def _checked(self, encoding: str) -> str:
        self.encoding = encoding
        try:
            lines = self._open()
            while lines.read(1 << 20):
                pass
        except (LookupError, UnicodeError) as error:
            raise UsageError(
                f"{self.path} can't be read as text: {one_line(error)}; -o data.encoding= names another "
                "encoding, as utf-8 or cp1252"
            ) from error
        return encoding

    def _found_encoding(self) -> str:
        for mark, encoding in MARKS:
            if self._bytes.startswith(mark):
                return self._checked(encoding)
        if b"\0" in self._bytes:
            raise DamagedFileError(
                f"{self.path} can't be read as CSV: it holds zero bytes, which no text does"
            )
        try:
            return self._checked("utf-8")
        except UsageError:
            found = self._checked("cp1252")
        self.notes.append(
            f"{self.path.name} is no UTF-8 and is read as cp1252; -o data.encoding= names another"
        )
        return found

    def _named(self, separator: str) -> str:
        found = SEPARATORS.get(separator.lower(), "\t" if separator == "\\t" else separator)
        if len(found) != 1 or found in '"\r\n':
            raise UsageError(
                f"option data.separator: expected a character, or {', '.join(SEPARATORS)}, got {separator!r}"
            )
        return found

    def _rows(self, separator: str, skip: int = 0) -> Iterator[tuple[int, int, list[str]]]:
        """Rows that hold anything, each after the lines that it begins and ends in."""
        with self._open(skip) as lines:
            reader, line = csv.reader(lines, delimiter=separator, skipinitialspace=True), skip
            limit = csv.field_size_limit(sys.maxsize)
            try:
                for row in reader:
                    if row and (row[0] or any(field.strip() for field in row)):
                        yield line + 1, skip + reader.line_num, row
                    line = skip + reader.line_num
            except csv.Error as error:
                raise UsageError(f"{self.path} can't be read as CSV: line {line + 1}: {error}") from error
            finally:
                csv.field_size_limit(limit)

    def _found_separator(self) -> str:
        """The one that makes most fields of the first row, and about as many of the next ones."""
        best, most = ",", 1
        for separator in GUESSED:
            rows = [row for *_, row in itertools.islice(self._rows(separator), LOOKED_AT)]
            rows = [row for row in rows if not row[0].startswith("#")] or rows
            width = len(rows[0]) if rows else 0
            if width > most and all(abs(len(row) - width) <= 1 for row in rows):
                best, most = separator, width
        if best != ",":
            word = next(word for word, character in SEPARATORS.items() if character == best)
            self.notes.append(
                f"{self.path.name} is read as parted by {word}s; -o data.separator= says otherwise"
            )
        return best

    def _look_at_rows(self) -> None:
        """Finds the headings, and that each row has a field for each of them."""
        rows = list(itertools.islice(self._rows(self.separator), LOOKED_AT))
        if not rows:
            raise UsageError(f"{self.path} can't be read as CSV: No columns to parse, it is empty")
        widths = Counter(len(row) for *_, row in rows[1:])
        usual = widths.most_common(1)[0][0] if widths else len(rows[0][2])
        comments = 0
        while len(rows) > 1 and rows[0][2][0].startswith("#") and len(rows[0][2]) != usual:
            rows.pop(0)
            comments += 1
        if comments:
            self.notes.append(f"{self.path.name}: lines before the headings begin with # and are left out")
        self._body = rows[0][1]
        self.headings = [" ".join(heading.split()) for heading in rows[0][2]]
        self._require_even_rows()

    def _require_even_rows(self) -> None:
        """Rows may have empty fields beyond the headings; one more that is filled is a name for each row."""
        full = len(self.headings)
        while self.headings and not self.headings[-1]:
            self.headings.pop()
        named, odd = len(self.headings), (0, 0)
        widths: set[int] = set()
        for line, _, row in self._rows(self.separator, self._body):
            widths.add(len(row))
            if len(row) < named:
                raise self._uneven(line, len(row), named)
            if len(row) > named and not odd[0] and any(field.strip() for field in row[named:]):
                odd = (line, len(row))
        self.width = max(widths, default=named)
        if odd[0] and widths == {full}:  # the last columns have no heading
            self.headings += [""] * (full - named)
        elif odd[0] and widths == {named + 1}:  # R writes row names so
            self.headings.insert(0, "")
            self.uneven = self._uneven(*odd, named)
        elif odd[0]:
            raise self._uneven(*odd, named)
        elif self.width > named:
            self.notes.append(f"{self.path.name}: each row ends with an empty field, which is left out")

    def _uneven(self, line: int, found: int, wanted: int) -> UsageError:
        return UsageError(
            f"{self.path} can't be read as CSV: line {line} has {found} fields, but there are {wanted} "
            "headings. A field that holds the separator needs quotes; -o data.separator= names another one"
        )


def _unpacked(path: Path) -> bytes:
    """The bytes of a file, or what is packed in it."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} can't be read as CSV: {reason}") from error
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                name, *others = archive.namelist()
                if others:
                    raise UsageError(f"{path} holds {len(others) + 1} files; one table is needed")
                return archive.read(name)
        return PACKED.get(path.suffix, bytes)(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DamagedFileError(f"{path} can't be unpacked: {one_line(error)}") from error
