"""What a reader says of a table's columns: columns of which the same is said share a line."""

from __future__ import annotations

from collections.abc import Iterable

NAMED = 5  # columns by name in one line
LINES = 50  # details at most


class Remarks:
    """Gathers what was guessed and what was made of columns.

    Args:
        section: what stands before an option's name where users write it, as ``-o data.``.
        notes: lines that come first.
    """

    def __init__(self, section: str, notes: Iterable[str] = ()) -> None:
        self._section = section
        self._first = tuple(notes)
        self._notes: dict[tuple[str, str], list[str]] = {}
        self._details: dict[str, list[str]] = {}

    def option(self, text: str) -> str:
        """An option as users write it."""
        return self._section + text

    def note(self, column: str, guess: str, option: str) -> None:
        """Something guessed or left out, and what says otherwise: ``{column}`` there is the column's name."""
        self._notes.setdefault((guess, option), []).append(column)

    def detail(self, column: str, what: str) -> None:
        """What was made of a column."""
        self._details.setdefault(what, []).append(column)

    def notes(self) -> tuple[str, ...]:
        """A line for each guess."""
        lines = []
        for (guess, option), columns in self._notes.items():
            some = ",".join(columns) if len(columns) <= NAMED else "COLUMN,..."
            says = f"; {self.option(option).replace('{column}', some)}" if option else ""
            lines.append(f"{_which(columns)}: {guess}{says}")
        return tuple(map(in_one_line, (*self._first, *lines)))

    def details(self) -> tuple[str, ...]:
        """A line for each thing that was made of columns."""
        lines = [f"{_which(columns)}: {what}" for what, columns in self._details.items()]
        if len(lines) > LINES:
            lines = [*lines[:LINES], f"and {len(lines) - LINES:,} lines more"]
        return tuple(map(in_one_line, lines))


def in_one_line(text: object) -> str:
    """A name, or a sentence that holds names, without the line breaks that they may have."""
    return " ".join(str(text).split())


def _which(columns: list[str]) -> str:
    if len(columns) == 1:
        return f"column {columns[0]!r}"
    more = f" and {len(columns) - NAMED:,} more" if len(columns) > NAMED else ""
    return f"columns {', '.join(map(repr, columns[:NAMED]))}{more}"
