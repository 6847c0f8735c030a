"""What rows of features are called: a file beside them with a line a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alframe.errors import DamagedFileError, UsageError

FILE = "ids.txt"


class RowNames:
    """The names in a file, which is read from its start whenever some are asked for: none is kept.

    Args:
        file: its path.
        size: how many rows there are.

    Raises:
        DamagedFileError: when it is read, it has another number of lines.
    """

    def __init__(self, file: Path, size: int) -> None:
        self._file = file
        self._size = size

    def of(self, rows: Sequence[int]) -> list[str]:
        """The names of rows, in their order."""
        wanted = set(rows)
        found = {row: name for row, name in enumerate(self._lines()) if row in wanted}
        return [found[row] for row in rows]

    def rows_of(self, names: Iterable[str]) -> dict[str, int]:
        """The first row of each name that there is."""
        wanted, found = set(names), dict[str, int]()
        for row, name in enumerate(self._lines()):
            if name in wanted:
                found.setdefault(name, row)
        return found

    def _lines(self) -> Iterator[str]:
        count = 0
        try:
            with self._file.open("rb") as file:
                for line in file:
                    count += 1
                    yield line.removesuffix(b"\n").decode("utf-8", "surrogateescape")
        except OSError as error:
            raise UsageError(f"{self._file} can't be read: {error.strerror}") from error
        if count != self._size:
            raise DamagedFileError(
                f"{self._file} has {count:,} lines, and there are {self._size:,} rows of features: "
                "make it again"
            )


def as_line(name: str) -> bytes:
    r"""A name as its line in the file; one that holds the end of a line has it written out.

    Example:
        >>> as_line("cats/1.jpg")
        b'cats/1.jpg\n'
    """
    shown = name.replace("\r", "\\r").replace("\n", "\\n")
    return shown.encode("utf-8", "surrogateescape") + b"\n"


def names_beside(features: Path, size: int) -> RowNames | None:
    """The names of the rows of a folder of features; None where it has none.

    Args:
        features: the folder, or something else.
        size: how many rows there are.
    """
    file = features / FILE
    return RowNames(file, size) if features.is_dir() and file.is_file() else None


def read_rows(file: Path, names: RowNames | None) -> list[int]:
    """Row numbers of a text file with a name or a number a line; where all lines are names, they are that.

    Args:
        file: the text.
        names: those that there are, or None.

    Raises:
        UsageError: it can't be read, or a line is neither.
    """
    try:
        lines = file.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    lines = [line for line in lines if line.strip()]
    known = {} if names is None else names.rows_of(lines)
    if len(known) < len(set(lines)):
        known |= {line: int(line) for line in lines if line.strip().isascii() and line.strip().isdigit()}
    for number, line in enumerate(lines, start=1):
        if line not in known:
            expected = "a row number" + ("" if names is None else f", or a name of {FILE}")
            raise UsageError(f"{file}, line {number}: expected {expected}, got {line[:80]!r}")
    return [known[line] for line in lines]
