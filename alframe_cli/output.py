"""Standard output: tables for people, JSON for programs; no control codes in a pipe."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alframe.contract.options import describe, written
from alframe_cli.plain_text import echo, plain, plain_line
from alframe_cli.streams import writable

NARROWEST, WIDEST = 20, 1000  # columns of a terminal
PIPE_WIDTH = 160  # columns; a pipe has no width of its own


def console(stderr: bool = False) -> Console:
    """A console for a standard stream, which colours a terminal only."""
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream.isatty()
    return Console(file=stream, force_terminal=is_terminal, width=_width() if is_terminal else PIPE_WIDTH)


def _width() -> int | None:
    """None, for that of the terminal, unless the user's ``COLUMNS`` is one in which no table can be."""
    columns = os.environ.get("COLUMNS", "")
    if not (columns.isascii() and columns.isdigit()) or len(columns) > 9:
        return None if not columns.isdigit() else WIDEST
    width = int(columns)
    return None if NARROWEST <= width <= WIDEST else min(max(width, NARROWEST), WIDEST)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", right: Sequence[str] = ()
) -> None:
    """Prints a table.

    Args:
        columns: the headings; "" for none.
        rows: the cells, taken literally.
        title: a line above.
        right: headings of the columns that are aligned to the right.
    """
    out = console()
    if title:
        out.print(Text(writable(plain_line(title))), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        name = Text(writable(plain_line(column)))
        table.add_column(name, justify="right" if column in right else "left", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(writable(plain(cell))) for cell in row))
    out.print(table)


def side_by_side(cells: Mapping[str, Mapping[int, str]], first: int = len("100,000")) -> Iterator[list[str]]:
    """Groups the columns of a table so that each group fits into a line.

    Args:
        cells: each column's cells, by heading.
        first: width of the column that comes before them in every group.
    """
    free = console().width - first - 2
    names: list[str] = []
    used = 0
    for name, column in cells.items():
        width = max(len(plain_line(name)), *map(len, column.values())) + 3
        if names and used + width > free:
            yield names
            names, used = [], 0
        names.append(name)
        used += width
    yield names


def print_options(options_type: type, section: str) -> None:
    """Prints the options of a section, as they are written after ``-o``, below their headings."""
    fields = describe(options_type)
    if not fields:
        return
    rows: list[tuple[str, ...]] = []
    group = ""
    for f in fields:
        if f.group != group:
            group = f.group
            rows += [("", "", "", "")] * bool(rows) + [(f"{group}:", "", "", "")]
        rows.append((f"{section}.{f.name}", f.type, written(f.default), f.help))
    print_table(("option (-o)", "type", "default", "meaning"), rows)


def options_as_data(options_type: type) -> list[dict[str, Any]]:
    """The same for ``--json``."""
    return [dataclasses.asdict(field) for field in describe(options_type)]


def print_json(value: Any) -> None:
    """Prints one JSON document; what is no number, or infinite, is null in it."""
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2)
    echo(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
